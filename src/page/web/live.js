"use strict";
/* The live page: a sentence that is translated as it is typed. */

(async () => {
  const said = document.getElementById("hero-says");
  try {
    const engine = lesson.engine = await engine_open();
    const field = html("input", {
      id: "sentence",
      type: "text",
      value: "please buy an apple and an orange",
      "aria-label": "A sentence",
      spellcheck: false,
      autocomplete: "off"
    });
    const again = async () => {
      try {
        lesson.show(await engine.inspect(field.value, {compare: "apple unveiled the new phone"}));
      } catch (error) {
        said.textContent = error.message;
      }
    };
    field.addEventListener("input", again);
    lesson.field.append(field);
    await again();
  } catch (error) {
    said.textContent = error.message;
  }
})();
