-- SPDX-License-Identifier: Apache-2.0
-- The page's only script, served as a file. It asks for the page again and changes what has changed: what is open stays
-- open, what is typed, selected or focused stays as it is. Without it pages stand still, and everything works.

return [[
"use strict";
(function () {
  function sameKind(a, b) {
    return a.nodeName === b.nodeName && (a.id || "") === (b.id || "");
  }
  function attributes(old, next) {
    for (const { name } of [...old.attributes]) {
      if (name !== "open" && !next.hasAttribute(name)) old.removeAttribute(name);
    }
    for (const { name, value } of next.attributes) {
      if (name !== "open" && old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
  }
  function removeUntil(at, end) {
    while (at !== end) {
      const gone = at;
      at = at.nextSibling;
      gone.remove();
    }
  }
  // What has an id is found again by it, and what stood before it is gone; the rest goes by its place. Nothing that
  // stays is ever moved, since that would take the focus from it.
  function children(old, next) {
    const named = new Map([...old.children].filter((e) => e.id).map((e) => [e.id, e]));
    let at = old.firstChild;
    for (const wanted of [...next.childNodes]) {
      const found = wanted.id ? named.get(wanted.id) : at;
      if (!found || found.parentNode !== old || !sameKind(found, wanted)) {
        old.insertBefore(wanted, at);
        continue;
      }
      removeUntil(at, found);
      at = found.nextSibling;
      update(found, wanted);
    }
    removeUntil(at, null);
  }
  function update(old, next) {
    if (old.isEqualNode(next)) return;
    if (old.nodeType !== Node.ELEMENT_NODE) {
      old.data = next.data;
      return;
    }
    attributes(old, next);
    children(old, next);
  }
  async function look() {
    const answer = await fetch(location.href, { cache: "no-store", redirect: "error" });
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.title = next.title;
    update(document.body, next.body);
  }
  function again() {
    const seconds = Number(document.body.dataset.refresh);
    if (seconds) setTimeout(turn, seconds * 1000);
  }
  async function turn() {
    if (!document.hidden) {
      try {
        await look();
        document.documentElement.classList.remove("out-of-reach");
      } catch {
        document.documentElement.classList.add("out-of-reach");
      }
    }
    again();
  }
  again();
})();
]]
