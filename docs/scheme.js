// Light or dark as the reader's system, which is what the figures follow too.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => {
  const scheme = dark.matches ? "slate" : "default";
  document.body.setAttribute("data-md-color-scheme", scheme);
};
dark.addEventListener("change", follow);
follow();
