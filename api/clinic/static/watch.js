// Shows how far an analysis is, and loads the page again when it has ended.
const box = document.getElementById("watch");
if (box) {
  const bar = box.querySelector("progress");
  const says = box.querySelector(".says");
  const events = new EventSource(box.dataset.events);
  events.addEventListener("progress", (event) => {
    const { state, doing, share } = JSON.parse(event.data);
    bar.value = share;
    const words = state === "queued" ? "Waiting for its turn" : doing[0].toUpperCase() + doing.slice(1);
    if (says.textContent !== words) says.textContent = words; // told aloud when it changes, not every second
  });
  events.addEventListener("end", () => {
    events.close();
    location.reload();
  });
}
