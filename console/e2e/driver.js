// What the tests look for on a page: elements by role and accessible name, as a screen reader would.
(() => {
  if (window.e2e) return;
  const selectors = {
    button: 'button:not([role]), [role=button]', link: 'a[href]', tab: '[role=tab]', textbox: 'input:not([type=checkbox]):not([type=radio]):not([type=file]), textarea, [contenteditable=true]',
    switch: 'input[role=switch]', checkbox: 'input[type=checkbox]:not([role=switch])', radio: 'input[type=radio]', option: '[role=option]', menuitem: '[role=menuitem]', heading: 'h1, h2, h3', dialog: '[role=dialog]',
  };
  const clean = (s) => (s || '').replace(/\s+/g, ' ').trim();
  const byIds = (ids) => clean(ids.split(/\s+/).map((id) => document.getElementById(id)?.textContent ?? '').join(' '));
  const name = (el) => {
    const aria = el.getAttribute('aria-label');
    if (aria) return clean(aria);
    const labelled = el.getAttribute('aria-labelledby');
    if (labelled && byIds(labelled)) return byIds(labelled);
    if (el.labels && el.labels.length) return clean([...el.labels].map((l) => l.innerText).join(' ')).replace(/ \*$/, '');
    return clean(el.textContent);
  };
  const visible = (el) => {
    // A radio, checkbox or switch may be drawn by its label alone.
    const target = /radio|checkbox/.test(el.type ?? '') ? (el.labels?.[0] ?? el) : el;
    const r = target.getBoundingClientRect();
    return r.width > 0 && r.height > 0 && getComputedStyle(target).visibility !== 'hidden';
  };
  const top = () => [...document.querySelectorAll('[role=dialog][aria-modal=true]')].pop();
  window.e2e = {
    find(role, wanted) {
      const scope = role === 'option' || role === 'menuitem' || role === 'dialog' ? document : (top() ?? document);
      const all = [...scope.querySelectorAll(selectors[role])].filter(visible);
      return all.find((el) => name(el) === wanted) ?? all.find((el) => name(el).startsWith(wanted + ' '));
    },
    /** Where to click, or why not. */
    spot(role, wanted) {
      const el = this.find(role, wanted);
      if (!el) return { why: 'there is none' };
      if (document.querySelector('[aria-label="Loading"]')) return { why: 'the page is loading' };
      if (el.disabled || el.getAttribute('aria-disabled') === 'true' || el.dataset.disabled || el.dataset.loading) return { why: 'it is disabled' };
      const target = /radio|checkbox/.test(el.type ?? '') && el.labels?.length ? (el.parentElement.querySelector('label, span') ?? el.labels[0]) : el;
      let r = target.getBoundingClientRect();
      if (r.top < 60 || r.bottom > innerHeight - 4) {
        target.scrollIntoView({ block: 'center' });
        r = target.getBoundingClientRect();
      }
      const x = r.left + Math.min(r.width / 2, 400);
      const y = r.top + r.height / 2;
      const there = document.elementFromPoint(x, y);
      if (!there || !(target.contains(there) || there.contains(target) || el.labels?.[0]?.contains(there))) return { why: 'something is in front of it: ' + (there?.outerHTML ?? '').slice(0, 120) };
      const key = Math.round(x) + ',' + Math.round(y);
      if (this.last !== key) {
        this.last = key;
        return { why: 'it moves' };
      }
      this.last = '';
      return { x, y };
    },
    value(role, wanted) {
      const el = this.find(role, wanted);
      return el ? (/radio|checkbox/.test(el.type ?? '') ? String(el.checked) : (el.value ?? clean(el.textContent))) : null;
    },
    /** Whether the element with the focus shows it: an outline or a shadow that it, or what is drawn for it, has only then. */
    showsFocus() {
      const el = document.activeElement;
      if (!el || el === document.body) return false;
      const drawn = [el, el.parentElement, el.nextElementSibling, el.previousElementSibling, el.labels?.[0], el.parentElement?.parentElement, el.closest('.editor')].filter((e) => e && !e.contains(top() ?? document.body));
      const look = (e) => { const s = getComputedStyle(e); return [s.outlineStyle === 'none' ? '' : s.outlineStyle + s.outlineWidth + s.outlineColor, s.boxShadow, s.borderColor, s.backgroundColor].join('|'); };
      const focused = drawn.map(look);
      el.blur();
      const without = drawn.map(look);
      el.focus({ preventScroll: true, focusVisible: true });
      return focused.some((f, i) => f !== without[i]);
    },
    /** Whether the focus is on what has the role and the name. */
    isOn(role, wanted) {
      return document.activeElement !== null && document.activeElement === this.find(role, wanted);
    },
    focused() {
      const el = document.activeElement;
      return el && el !== document.body ? name(el) : '';
    },
    text() {
      return clean((top() ?? document.body).innerText);
    },
    page() {
      return clean(document.body.innerText);
    },
    names(role) {
      return [...(top() ?? document).querySelectorAll(selectors[role])].filter(visible).map(name);
    },
  };
})();
