// A one-time link: its secret stands behind the #, which no server sees; it goes from there into the form alone.
const token = location.hash.slice(1);
document.getElementById("token").value = token;
history.replaceState(null, "", location.pathname);
if (!token) {
  const error = document.querySelector(".error");
  error.textContent = "This page needs the link that an admin gave you, with all that stands behind the #.";
  error.hidden = false;
}
