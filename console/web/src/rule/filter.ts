// The filter as the builder sees it: sets of conditions, nested, each All or Any. Text and builder are two views of one filter: parse
// reads text into sets, write gives text. What the builder has no form for (elements in other lists than groups, deep nots) stays text.
import type { Attribute } from '../types';

export type Value = string | number | boolean | null;
export interface Condition { kind: 'condition'; path: string; op: string; value: Value }
export interface Set_ { kind: 'set'; join: 'all' | 'any' | 'none'; nodes: Node[] }
export type Node = Condition | Set_;

export const operators: { value: string; label: string }[] = [
  { value: 'eq', label: 'equals' }, { value: 'ne', label: 'does not equal' }, { value: 'co', label: 'contains' }, { value: 'sw', label: 'starts with' }, { value: 'ew', label: 'ends with' },
  { value: 'pr', label: 'has a value' }, { value: 'gt', label: 'is greater than' }, { value: 'ge', label: 'is at least' }, { value: 'lt', label: 'is less than' }, { value: 'le', label: 'is at most' },
];

const membership = [{ value: 'eq', label: 'is a member of' }, { value: 'ne', label: 'is not a member of' }];

export const operatorsFor = (type: string | undefined, path = '') =>
  path === inGroup ? membership : operators.filter((o) => (type === 'BOOLEAN' ? ['eq', 'ne', 'pr'].includes(o.value) : type === 'INTEGER' || type === 'DATETIME' ? !['co', 'sw', 'ew'].includes(o.value) : ['eq', 'ne', 'co', 'sw', 'ew', 'pr'].includes(o.value)));

/** The path that stands for memberOfGroups[id eq "…"]: somebody is in a group, directly, by its filter or through a nested one. */
export const inGroup = 'memberOfGroups';

/** What filters may ask for beside the attributes of people. */
export const groupAttributes: Pick<Attribute, 'name' | 'displayName' | 'type'>[] = [
  { name: inGroup, displayName: 'Group', type: 'COMPLEX' }, { name: 'memberOfGroupNames', displayName: 'Group Names', type: 'STRING' },
];

/** What the builder cannot show. */
export class TooRich extends Error {}
/** What nobody can read; the server says where and why. */
export class Unreadable extends Error {}

interface Token { kind: '(' | ')' | 'word' | 'value' | 'group'; text: string; value?: Value }

function unquoted(text: string): string {
  try {
    return JSON.parse(text) as string;
  } catch {
    throw new Unreadable();
  }
}

function tokens(text: string): Token[] {
  const out: Token[] = [];
  const re = /\s*(?:memberOfGroups\[\s*id\s+eq\s+("(?:[^"\\]|\\.)*")\s*\]|([()])|("(?:[^"\\]|\\.)*")|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.:-])|([A-Za-z_$][\w.:$-]*)|(\S))/giy;
  let last = 0;
  for (let m = re.exec(text); m; m = re.exec(text)) {
    last = re.lastIndex;
    const [, group, bracket, string, digits, word, other] = m;
    if (group) out.push({ kind: 'group', text: group, value: unquoted(group) });
    else if (bracket) out.push({ kind: bracket as '(' | ')', text: bracket });
    else if (string) out.push({ kind: 'value', text: string, value: unquoted(string) });
    else if (digits) out.push({ kind: 'value', text: digits, value: Number(digits) });
    else if (word) out.push({ kind: 'word', text: word });
    else if (other === '[') throw new TooRich();
    else throw new Unreadable();
  }
  if (text.slice(last).trim()) throw new Unreadable();
  return out;
}

export function parse(text: string): Set_ {
  const list = tokens(text);
  let i = 0;
  const isWord = (w: string) => list[i]?.kind === 'word' && list[i].text.toLowerCase() === w;
  const series = (word: string, join: 'all' | 'any', part: () => Node): Node => {
    const nodes = [part()];
    while (isWord(word)) {
      i++;
      nodes.push(part());
    }
    return nodes.length === 1 ? nodes[0] : { kind: 'set', join, nodes };
  };
  const or = (): Node => series('or', 'any', and);
  const and = (): Node => series('and', 'all', term);
  const group = (): Node => {
    i++;
    const inner = or();
    if (list[i]?.kind !== ')') throw new Unreadable();
    i++;
    return inner;
  };
  const term = (): Node => {
    if (isWord('not') && list[i + 1]?.kind === '(') {
      i++;
      const inner = group();
      if (inner.kind === 'condition' && inner.path === inGroup && inner.op === 'eq') return { ...inner, op: 'ne' };
      return { kind: 'set', join: 'none', nodes: inner.kind === 'set' && inner.join === 'any' ? inner.nodes : [inner] };
    }
    if (list[i]?.kind === '(') return group();
    return condition();
  };
  const condition = (): Node => {
    if (list[i]?.kind === 'group') return { kind: 'condition', path: inGroup, op: 'eq', value: list[i++].value as Value };
    const path = list[i++];
    const op = list[i++]?.text.toLowerCase();
    if (path?.kind !== 'word' || !operators.some((o) => o.value === op)) throw new Unreadable();
    if (op === 'pr') return { kind: 'condition', path: path.text, op, value: '' };
    const v = list[i++];
    if (v?.kind === 'value') return { kind: 'condition', path: path.text, op, value: v.value as Value };
    const word = v?.kind === 'word' ? v.text.toLowerCase() : '';
    if (!['true', 'false', 'null'].includes(word)) throw new Unreadable();
    return { kind: 'condition', path: path.text, op, value: word === 'null' ? null : word === 'true' };
  };
  if (list.length === 0) return { kind: 'set', join: 'all', nodes: [] };
  const root = or();
  if (i < list.length) throw new Unreadable();
  return root.kind === 'set' ? root : { kind: 'set', join: 'all', nodes: [root] };
}

const complete = (n: Node): boolean => (n.kind === 'condition' ? n.path !== '' && (n.path !== inGroup || n.value !== '') : n.nodes.some(complete));

/** The text of a filter; conditions without an attribute and empty sets are left out. */
export function write(node: Node, outer: 'all' | 'any' | '' = ''): string {
  if (node.kind === 'condition' && node.path === inGroup) {
    const is = `${inGroup}[id eq ${JSON.stringify(node.value)}]`;
    return node.op === 'ne' ? `not (${is})` : is;
  }
  if (node.kind === 'condition') return `${node.path} ${node.op}${node.op === 'pr' ? '' : ' ' + JSON.stringify(node.value)}`;
  const nodes = node.nodes.filter(complete);
  if (node.join === 'none') return nodes.length ? `not (${nodes.map((n) => write(n, nodes.length > 1 ? 'any' : '')).join(' or ')})` : '';
  if (nodes.length === 1) return write(nodes[0], outer);
  const text = nodes.map((n) => write(n, node.join as 'all' | 'any')).join(node.join === 'all' ? ' and ' : ' or ');
  return outer && outer !== node.join && nodes.length > 1 ? `(${text})` : text;
}
