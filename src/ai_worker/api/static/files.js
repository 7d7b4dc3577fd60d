// Pictures and files of the web chat: shown below what was said, and brought before it is said.

const MOST = 9;

export function sized(bytes) {
  return bytes < 1_048_576 ? `${Math.max(1, Math.round(bytes / 1024))} KB` : `${(bytes / 1_048_576).toFixed(1)} MB`;
}

export function filed(files) {
  const box = document.createElement("div");
  box.className = "files";
  for (const { name, size, picture, url } of files) {
    const link = document.createElement("a");
    link.href = url;
    link.className = picture ? "picture" : "file";
    if (picture) {
      const image = document.createElement("img");
      image.src = url;
      image.alt = name;
      image.loading = "lazy";
      link.target = "_blank";
      link.rel = "noopener";
      link.append(image);
    } else {
      link.download = name;
      link.append(`${name} · ${sized(size)}`);
    }
    box.append(link);
  }
  return box;
}

// What a visitor has chosen is uploaded at once, so that sending it later takes no time.
export function bringer(field, box, { words, address, token }) {
  const brought = { files: [], pending: 0, give };

  function give() {
    const given = brought.files;
    brought.files = [];
    box.replaceChildren();
    return given;
  }

  async function bring(file) {
    const chip = document.createElement("span");
    chip.className = "chip";
    chip.textContent = `${file.name} · ${words.bringing}`;
    box.append(chip);
    brought.pending += 1;
    try {
      const response = await fetch(`${address}?name=${encodeURIComponent(file.name)}`, {
        method: "POST",
        headers: { "X-Chat-Token": token() ?? "", "Content-Type": "application/octet-stream" },
        body: file,
      });
      if (response.status !== 201) throw new Error(complaint(response.status));
      const kept = await response.json();
      brought.files.push(kept);
      done(chip, kept);
    } catch (error) {
      chip.classList.add("wrong");
      chip.textContent = `${file.name}：${error.message in words ? words[error.message] : words.file_failed}`;
    } finally {
      brought.pending -= 1;
    }
  }

  function done(chip, kept) {
    const off = document.createElement("button");
    off.type = "button";
    off.textContent = "×";
    off.ariaLabel = `${words.remove} ${kept.name}`;
    off.onclick = () => {
      brought.files = brought.files.filter((file) => file !== kept);
      chip.remove();
    };
    chip.replaceChildren(`${kept.name} · ${sized(kept.size)}`, off);
  }

  field.onchange = () => {
    for (const old of box.querySelectorAll(".wrong")) old.remove();
    const room = MOST - brought.files.length - brought.pending;
    for (const file of [...field.files].slice(0, Math.max(0, room))) bring(file);
    field.value = "";
  };
  return brought;
}

function complaint(status) {
  return { 413: "file_too_large", 422: "file_kind" }[status] ?? "file_failed";
}
