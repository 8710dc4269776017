new EventSource("live").addEventListener("figures", (event) => {
  document.getElementById("figures").textContent = event.data;
});
