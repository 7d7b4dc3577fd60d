// Attaching pictures and files to a reply: chosen, dropped or pasted; shown; taken off again.
"use strict";

const sized = (bytes) => (bytes < 1_048_576 ? `${Math.max(1, Math.round(bytes / 1024))} KB` : `${(bytes / 1_048_576).toFixed(1)} MB`);

function fieldOf(place) {
  return place.closest?.(".thread")?.querySelector("input[data-attach]") ?? null;
}

// What a file field holds can only be replaced as a whole.
function put(field, files) {
  const box = document.querySelector(field.dataset.attach);
  const kept = [...files].slice(0, Number(box.dataset.most));
  let complaint = kept.length < files.length ? box.dataset.tooMany : "";
  let room = Number(box.dataset.bytes);
  const fitting = kept.filter((file) => (room -= file.size) >= 0 || ((room += file.size), (complaint = box.dataset.tooLarge), false));
  const held = new DataTransfer();
  for (const file of fitting) held.items.add(file);
  field.files = held.files;
  field.held = fitting;
  field.form.querySelector("textarea").required = fitting.length === 0;
  draw(field, box, fitting, complaint);
}

function draw(field, box, files, complaint) {
  box.replaceChildren(...files.map((file) => chip(field, box, file)));
  if (!complaint) return;
  const words = document.createElement("p");
  words.className = "complaint";
  words.textContent = complaint;
  box.append(words);
}

function chip(field, box, file) {
  const made = document.createElement("span");
  made.className = "chip";
  if (file.type.startsWith("image/")) made.append(preview(file));
  const name = document.createElement("b");
  name.textContent = file.name;
  const size = document.createElement("small");
  size.textContent = sized(file.size);
  const off = document.createElement("button");
  off.type = "button";
  off.textContent = "×";
  off.ariaLabel = box.dataset.remove.replace("{name}", file.name);
  off.addEventListener("click", () => {
    put(field, field.held.filter((other) => other !== file));
    field.focus();
  });
  made.append(name, size, off);
  return made;
}

// Drawn, not linked: a page that allows no foreign address for pictures needs to allow none for this.
function preview(file) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 64;
  createImageBitmap(file).then(
    (image) => {
      const scale = Math.max(64 / image.width, 64 / image.height);
      const [width, height] = [image.width * scale, image.height * scale];
      canvas.getContext("2d").drawImage(image, (64 - width) / 2, (64 - height) / 2, width, height);
    },
    () => canvas.remove(),
  );
  return canvas;
}

document.addEventListener("change", (event) => {
  const field = event.target;
  if (!field.matches?.("input[data-attach]")) return;
  put(field, [...(field.held ?? []), ...field.files]);
});

for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => {
    const field = event.dataTransfer?.types.includes("Files") && fieldOf(event.target);
    if (!field) return;
    event.preventDefault();
    field.form.classList.add("dropping");
  });
}

for (const kind of ["dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    const field = fieldOf(event.target);
    field?.form.classList.remove("dropping");
    if (kind !== "drop" || !field || !event.dataTransfer.files.length) return;
    event.preventDefault();
    put(field, [...(field.held ?? []), ...event.dataTransfer.files]);
  });
}

document.addEventListener("paste", (event) => {
  const field = event.target.matches?.("textarea") && fieldOf(event.target);
  if (!field || !event.clipboardData?.files.length) return;
  event.preventDefault();
  put(field, [...(field.held ?? []), ...event.clipboardData.files]);
});
