/* Return what a reader of this page cannot see or read, as a list of sentences, in the theme `options.theme`.
   `options.phone` allows stacked tables; `options.fontPixels` is the height of the text of plots in their files. */
(options) => {
  const problems = new Set();
  const root = document.documentElement;
  if (!document.querySelector("style.still")) {
    const still = Object.assign(document.createElement("style"), { className: "still" });
    still.textContent = "* { transition: none !important; animation: none !important; }";
    document.head.append(still);
  }
  root.dataset.theme = root.dataset.mode = options.theme;
  window.dispatchEvent(new Event("resize"));
  const visible = (element) => element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true });
  const snippet = (text) => JSON.stringify(text.trim().replace(/\s+/g, " ").slice(0, 50));

  const channels = (color) => {
    const numbers = color.match(/[\d.]+(e-?\d+)?/g).map(Number);
    const scale = color.startsWith("color(srgb") ? 255 : 1;
    const [red, green, blue, alpha = 1] = numbers;
    return [red * scale, green * scale, blue * scale, alpha];
  };
  const over = (top, bottom) => [0, 1, 2].map((i) => top[i] * top[3] + bottom[i] * (1 - top[3]));
  const background = (element) => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) {
      const color = channels(getComputedStyle(one).backgroundColor);
      if (color[3] > 0) layers.push(color);
      if (color[3] === 1) break;
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const luminance = (rgb) => {
    const linear = rgb.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const contrast = (front, back) => {
    const [low, high] = [luminance(front), luminance(back)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };

  const lookAtLayout = () => {
    for (const box of [root, ...document.querySelectorAll(".bd-article-container")]) {
      const { right } = box.getBoundingClientRect();
      if (box.scrollWidth <= box.clientWidth) continue;
      const wide = [...box.querySelectorAll("*")].filter((one) => visible(one) && one.getBoundingClientRect().right > right + 1);
      problems.add(`page is ${box.scrollWidth} px wide: ${wide.slice(0, 3).map((one) => one.tagName + "." + one.className)}`);
    }

    for (const box of document.querySelectorAll("article pre, article .pst-scrollable-table-container, article div.math")) {
      if (visible(box) && box.scrollWidth > box.clientWidth + 1)
        problems.add(`cut by ${box.scrollWidth - box.clientWidth} px: ${box.tagName} ${snippet(box.textContent)}`);
    }
    for (const table of document.querySelectorAll("article table")) {
      const right = table.parentElement.getBoundingClientRect().right;
      if (visible(table) && table.getBoundingClientRect().right > right + 1) problems.add(`wide table ${snippet(table.textContent)}`);
      if (!options.phone && table.classList.contains("stacked")) problems.add(`stacked table ${snippet(table.textContent)}`);
    }

    for (const image of document.querySelectorAll("article img")) {
      if (!visible(image)) continue;
      const name = image.src.split("/").pop();
      if (!image.complete || !image.naturalWidth) problems.add(`broken image ${name}`);
      if (!image.hasAttribute("alt")) problems.add(`image without text: ${name}`);
      const size = (options.fontPixels * image.clientWidth) / image.naturalWidth;
      if (image.clientWidth < 300) problems.add(`image of ${image.clientWidth} px: ${name}`);
      else if (name.endsWith(".png") && size < 9) problems.add(`text of ${size.toFixed(1)} px in ${name}`);
    }
  };
  if (options.theme === "light") lookAtLayout();

  const seen = new Set();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim()) continue;
    const key = [element, element.parentElement, element.parentElement?.parentElement]
      .map((one) => one && one.tagName + one.className)
      .join();
    if (seen.has(key) || !visible(element)) continue;
    if (["SCRIPT", "STYLE", "NOSCRIPT"].includes(element.tagName)) continue;
    seen.add(key);
    const style = getComputedStyle(element);
    const back = background(element);
    const ratio = contrast(over(channels(style.color), back), back);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5))
      problems.add(`contrast ${ratio.toFixed(2)} of ${snippet(texts.currentNode.data)} (${style.color} on ${back.map(Math.round)})`);
  }
  for (const { name } of performance.getEntriesByType("resource"))
    if (name.startsWith("http")) problems.add(`loads ${name}`);
  return [...problems];
}
