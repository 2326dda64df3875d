// Every sentence of the self-check, from a language file: `t("key", {name: value})`.

let words = {};

/** Loads a language: the browser's where there is a file for it, else English. */
export async function loadWords() {
  const known = await (await fetch("/self-check/static/lang/languages.json")).json();
  const wanted = navigator.languages.map((tag) => tag.slice(0, 2)).find((tag) => known.includes(tag)) ?? "en";
  words = await (await fetch(`/self-check/static/lang/${wanted}.json`)).json();
  document.documentElement.lang = wanted;
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
}

/** The sentence of a key, its {holes} filled. A missing one shows its key, which a test forbids. */
export function t(key, values = {}) {
  const sentence = words[key] ?? key;
  return sentence.replace(/\{(\w+)\}/g, (hole, name) => values[name] ?? hole);
}

/** Whether there is a sentence for a key. */
export const has = (key) => key in words;

/** What a prompt of the guidance says. A few are said otherwise to somebody who stands on a step. */
export function promptWords(prompt, task) {
  const values = { side: prompt.side ? t(`side.${prompt.side}`) : "", SIDE: prompt.side ? t(`side.${prompt.side}`).toUpperCase() : "",
    number: prompt.number ?? "" };
  const onStep = `on_step.${prompt.id}`;
  const said = t(task !== "single_leg_squat" && has(onStep) ? onStep : `prompt.${prompt.id}`, values);
  return prompt.hint ? `${said} ${t(`hint.${prompt.hint}`)}` : said;
}
