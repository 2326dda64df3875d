// Prompts spoken by the browser's own speech, with voices of this machine only; captions do not depend on it.

let muted = false;
const speech = globalThis.speechSynthesis;

/** A voice that speaks here: others send every sentence to their maker. */
function localVoice() {
  const lang = document.documentElement.lang;
  return speech?.getVoices().find((voice) => voice.localService && voice.lang.startsWith(lang));
}

/** Says it now; what was being said is broken off. */
export function say(sentence) {
  const voice = muted ? null : localVoice();
  if (!voice) return;
  speech.cancel();
  const utterance = new SpeechSynthesisUtterance(sentence.toLowerCase());
  utterance.voice = voice;
  utterance.lang = voice.lang;
  speech.speak(utterance);
}

/** Silence, or not. */
export function setMuted(yes) {
  muted = yes;
  if (yes) speech?.cancel();
}

export const isMuted = () => muted;
