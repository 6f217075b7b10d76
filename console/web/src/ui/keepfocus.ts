import { useEffect } from 'react';

/**
 * Gives the focus back to a button that lost it by being disabled. While something runs, its button is disabled, and browsers then drop the
 * focus: whoever uses the keyboard would have to start again at the top of the page, and a dialog would not know where to return to.
 */
export function useKeptFocus() {
  useEffect(() => {
    let last: EventTarget | null = null;
    const follow = (e: FocusEvent) => { last = e.target; };
    const observer = new MutationObserver((changes) => {
      const enabled = changes.some((c) => c.target === last && !(last as HTMLButtonElement).disabled);
      if (enabled && (document.activeElement === null || document.activeElement === document.body)) (last as HTMLElement).focus({ preventScroll: true });
    });
    document.addEventListener('focusin', follow);
    observer.observe(document.body, { subtree: true, attributeFilter: ['disabled'] });
    return () => { document.removeEventListener('focusin', follow); observer.disconnect(); };
  }, []);
}
