// A window that the panel has opened can close itself; for any other the
// person has to do it.
const button = document.getElementById('close');
if (button) {
  button.hidden = false;
  button.addEventListener('click', () => {
    window.close();
    setTimeout(() => { button.replaceWith('You can close this window yourself.'); }, 300);
  });
}
