// The editor of expressions: completion of attributes and functions, the server's verdict at its position, and the value for a person.
import { autocompletion, closeBrackets, completionKeymap, completionStatus, type CompletionContext } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { bracketMatching } from '@codemirror/language';
import { setDiagnostics } from '@codemirror/lint';
import { EditorState } from '@codemirror/state';
import { EditorView, keymap, placeholder } from '@codemirror/view';
import { Box, useComputedColorScheme } from '@mantine/core';
import { useEffect, useRef } from 'react';
import type { Attribute } from '../types';

const functions: Record<string, string[]> = {
  '#string.': 'substring length toLowerCase toUpperCase trim capitalize stripAccents contains startsWith endsWith indexOf replace replaceAll split join concat isEmpty isBlank left right padLeft padRight'.split(' '),
  '#regex.': 'matches findFirstMatch findAllMatches replaceAll replaceFirst'.split(' '),
  '#datetime.': 'format parse addDays addHours year month day toEpochMilli'.split(' '),
  '#list.': 'size first last get contains join distinct'.split(' '),
  '#core.': ['switchExpr'],
};

const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? '';

export default function ExpressionEditor({ value, onChange, attributes, error, label }: { value: string; onChange: (text: string) => void; attributes: Attribute[]; error?: string; label: string }) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const change = useRef(onChange);
  change.current = onChange;
  const names = useRef(attributes);
  names.current = attributes;
  const dark = useComputedColorScheme('light') === 'dark';

  useEffect(() => {
    const complete = (c: CompletionContext) => {
      const word = c.matchBefore(/[#\w.]*/);
      if (!word || (word.from === word.to && !c.explicit)) return null;
      return {
        from: word.from,
        options: [
          ...names.current.map((a) => ({ label: a.name, detail: a.displayName, type: 'variable' })),
          ...Object.entries(functions).flatMap(([prefix, list]) => list.map((f) => ({ label: prefix + f, apply: prefix + f + '(', type: 'function' }))),
        ],
        validFor: /^[#\w.]*$/,
      };
    };
    const v = new EditorView({
      parent: host.current!,
      state: EditorState.create({
        doc: value,
        extensions: [
          EditorView.cspNonce.of(nonce), history(), bracketMatching(), closeBrackets(), autocompletion({ override: [complete] }), EditorView.lineWrapping, placeholder("name.given + ' ' + name.family"),
          // While completions are shown, Escape closes them and not the dialog around the editor.
          EditorView.contentAttributes.of((v) => ({ 'aria-label': label, spellcheck: 'false', 'data-mantine-stop-propagation': String(completionStatus(v.state) !== null) })),
          keymap.of([...completionKeymap, ...defaultKeymap, ...historyKeymap]),
          EditorView.updateListener.of((u) => u.docChanged && change.current(u.state.doc.toString())),
          EditorView.theme({
            '&': { fontSize: '13px', backgroundColor: 'transparent', color: 'var(--mantine-color-text)' }, '&.cm-focused': { outline: 'none' }, '.cm-content': { fontFamily: 'var(--mantine-font-family-monospace)', padding: '10px', minHeight: '64px', caretColor: 'var(--mantine-color-text)' },
            '.cm-placeholder': { color: 'var(--mantine-color-placeholder)' },
            '.cm-tooltip': { backgroundColor: 'var(--mantine-color-body)', border: '1px solid var(--mantine-color-default-border)', borderRadius: '8px', overflow: 'hidden' },
          }, { dark }),
        ],
      }),
    });
    view.current = v;
    return () => v.destroy();
    // The editor is made anew for another colour scheme only; what is typed lives in it.
    // eslint-disable-next-line
  }, [dark]);

  useEffect(() => {
    const v = view.current;
    if (!v) return;
    const length = v.state.doc.length;
    const position = error?.match(/position (\d+)/);
    const from = Math.min(position ? Number(position[1]) - 1 : 0, Math.max(0, length - 1));
    v.dispatch(setDiagnostics(v.state, error ? [{ from, to: position ? Math.min(from + 1, length) : length, severity: 'error', message: error }] : []));
  }, [error]);

  return <Box ref={host} className="editor" />;
}
