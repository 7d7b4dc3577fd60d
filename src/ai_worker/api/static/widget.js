// Puts the web chat into any page:
//   <script src="https://HOST/chat/widget.js" data-channel="NAME" defer></script>
// Further attributes: data-label (of the button), data-side="left".
// The page's origin must stand in the channel's allowed_origins.

(() => {
  const script = document.currentScript;
  const channel = script.dataset.channel;
  if (!channel) {
    console.error("ai-worker: the script tag needs data-channel");
    return;
  }
  const home = new URL(script.src).origin;
  const side = script.dataset.side === "left" ? "left" : "right";
  const label = script.dataset.label ?? (/^zh/.test(document.documentElement.lang) ? "在线咨询" : "Chat");

  const button = document.createElement("button");
  button.type = "button";
  button.textContent = label;
  button.setAttribute("aria-expanded", "false");
  place(button, {
    bottom: "20px",
    padding: "12px 20px",
    border: "0",
    borderRadius: "999px",
    background: "#0b6e5b",
    color: "#ffffff",
    font: "500 15px/22px system-ui, sans-serif",
    cursor: "pointer",
  });

  let frame = null;
  let open = false;

  function toggle() {
    open = !open;
    frame ??= embed();
    frame.style.display = open ? "block" : "none";
    button.setAttribute("aria-expanded", String(open));
  }

  function embed() {
    const made = document.createElement("iframe");
    made.src = `${home}/chat/${encodeURIComponent(channel)}?embed=1`;
    made.title = label;
    place(made, {
      bottom: "76px",
      width: "min(380px, calc(100vw - 40px))",
      height: "min(600px, calc(100dvh - 96px))",
      border: "1px solid #dfe1db",
      borderRadius: "10px",
      background: "#f6f6f3",
    });
    document.body.append(made);
    return made;
  }

  function place(node, style) {
    Object.assign(node.style, { position: "fixed", [side]: "20px", zIndex: "2147483000" }, style);
  }

  button.onclick = toggle;
  document.body.append(button);
})();
