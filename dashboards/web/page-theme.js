// The theme, before anything is drawn: as the system says, or light or dark as chosen earlier in this browser.
"use strict";

(() => {
  const themes = ["system", "light", "dark"];
  let theme = "system";
  try {
    theme = localStorage.getItem("fibril-theme") ?? theme;
  } catch {
    // Storage may be forbidden; then the choice lasts as long as the page.
  }

  function apply(button) {
    if (!themes.includes(theme)) theme = "system";
    document.documentElement.dataset.theme = theme;
    if (button) button.textContent = `Theme: ${theme}`;
  }

  apply();
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    apply(button);
    button.addEventListener("click", () => {
      theme = themes[(themes.indexOf(theme) + 1) % themes.length];
      apply(button);
      try {
        localStorage.setItem("fibril-theme", theme);
      } catch {
        // As above.
      }
    });
  });
})();
