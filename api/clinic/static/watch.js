// Shows how far an analysis is. When it has ended the page is loaded again, unless somebody is typing into it.
const box = document.getElementById("watch");
if (box) {
  const bar = box.querySelector("progress");
  const says = box.querySelector(".says");
  let touched = false;
  for (const kind of ["input", "submit"]) document.addEventListener(kind, () => { touched = true; });

  const events = new EventSource(box.dataset.events);
  events.addEventListener("progress", (event) => {
    const { state, doing, share } = JSON.parse(event.data);
    bar.value = share;
    const words = state === "queued" ? "Waiting for its turn" : doing[0].toUpperCase() + doing.slice(1);
    if (says.textContent !== words) says.textContent = words; // told aloud when it changes, not every second
  });
  events.addEventListener("end", () => {
    events.close();
    if (!touched) {
      location.reload();
      return;
    }
    const again = document.createElement("button");
    again.type = "button";
    again.textContent = "Show the new result";
    again.addEventListener("click", () => location.reload());
    says.textContent = "It is done. What you typed on this page and did not send is lost when you show the result.";
    box.querySelector("form")?.remove();
    box.append(again);
  });
}
