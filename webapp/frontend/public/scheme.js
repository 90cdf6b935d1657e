// Runs before the first paint, as a file because the content security policy allows no inline script:
// puts the stored colour scheme on <html>, so that a page chosen dark never flashes white. The key is
// the one that src/app/theme.ts gives to Mantine.
(function () {
  var scheme = null;
  try {
    scheme = localStorage.getItem("cumulo.scheme");
  } catch {
    // Storage may be forbidden; the system's preference decides then.
  }
  if (scheme !== "light" && scheme !== "dark") {
    scheme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  }
  document.documentElement.setAttribute("data-mantine-color-scheme", scheme);
})();
