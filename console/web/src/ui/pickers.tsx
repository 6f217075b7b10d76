// Fields that find people and groups by name while somebody types.
import { MultiSelect, Select } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { get, query, quoted } from '../api';
import { useGroup } from '../data';
import { nameOf } from '../text';
import type { Group, Page, User } from '../types';

/** What people type to find somebody. */
export const searchFilter = (text: string) => {
  const words = text.trim().split(/\s+/);
  const one = (w: string) => ['username', 'email', 'name.given', 'name.family'].map((a) => `${a} co ${quoted(w)}`).join(' or ');
  return words.length === 1 ? one(words[0]) : words.map((w) => `(${one(w)})`).join(' and ');
};

const usePeople = (typed: string) =>
  useQuery<User[]>({
    queryKey: ['users', 'pick', typed], placeholderData: keepPreviousData,
    queryFn: ({ signal }) => get<Page<'users', User>>('/users' + query({ limit: 8, filter: typed && searchFilter(typed) }), signal).then((p) => p._embedded.users),
  });

export function PersonPicker({ person, onChange, label = 'Try with a person' }: { person?: User; onChange: (u?: User) => void; label?: string }) {
  const [text, setText] = useState('');
  const [settled] = useDebouncedValue(text, 250);
  const list = usePeople(person && settled === nameOf(person) ? '' : settled.trim()).data ?? [];
  const options = person && !list.some((u) => u.id === person.id) ? [person, ...list] : list;
  return (
    <Select
      aria-label={label} placeholder={label} searchable clearable searchValue={text} onSearchChange={setText} value={person?.id ?? null} filter={({ options }) => options} w={{ base: '100%', xs: 240 }} nothingFoundMessage="Nobody found"
      data={options.map((u) => ({ value: u.id, label: nameOf(u) === u.username ? u.username : `${nameOf(u)}` }))} onChange={(id) => onChange(options.find((u) => u.id === id))}
    />
  );
}

/** Several people. */
export function PeoplePicker({ people, onChange, label }: { people: User[]; onChange: (list: User[]) => void; label: string }) {
  const [text, setText] = useState('');
  const [settled] = useDebouncedValue(text, 250);
  const list = usePeople(settled.trim()).data ?? [];
  const options = [...people, ...list.filter((u) => !people.some((p) => p.id === u.id))];
  return (
    <MultiSelect
      label={label} placeholder={people.length === 0 ? 'Type a name or an e-mail address' : undefined} searchable hidePickedOptions searchValue={text} onSearchChange={setText} nothingFoundMessage="Nobody found" data-autofocus
      filter={({ options }) => options} value={people.map((u) => u.id)} data={options.map((u) => ({ value: u.id, label: `${nameOf(u)}${u.email ? ` · ${u.email}` : ''}` }))}
      onChange={(ids) => { onChange(ids.map((id) => options.find((u) => u.id === id)).filter((u) => u !== undefined)); setText(''); }}
    />
  );
}

/** One group, by its id. */
export function GroupPicker({ value, onChange, label, placeholder = 'Search Group Name', error, disabled, hideLabel, without = [], flex }: {
  value: string; onChange: (id: string) => void; label: string; placeholder?: string; error?: string; disabled?: boolean; hideLabel?: boolean; without?: string[]; flex?: string;
}) {
  const [text, setText] = useState('');
  const [settled] = useDebouncedValue(text, 250);
  const chosen = useGroup(value);
  const typed = chosen.data && settled === chosen.data.name ? '' : settled.trim();
  const q = useQuery<Group[]>({
    queryKey: ['groups', 'pick', typed], placeholderData: keepPreviousData,
    queryFn: ({ signal }) => get<Page<'groups', Group>>('/groups' + query({ limit: 20, filter: typed && `name co ${quoted(typed)}` }), signal).then((p) => p._embedded.groups),
  });
  const found = (q.data ?? []).filter((g) => !without.includes(g.id) || g.id === value).map((g) => ({ value: g.id, label: g.name }));
  const data = value && !found.some((g) => g.value === value) ? [{ value, label: chosen.data?.name ?? (chosen.error ? 'a deleted group' : '…') }, ...found] : found;
  return (
    <Select
      label={hideLabel ? undefined : label} aria-label={hideLabel ? label : undefined} placeholder={placeholder} searchable searchValue={text} onSearchChange={setText} value={value || null} filter={({ options }) => options} nothingFoundMessage="No group found"
      data={distinct(data)} onChange={(id) => onChange(id ?? '')} error={error} disabled={disabled} flex={flex}
    />
  );
}

/** Groups of different populations may be called the same; then the end of the id tells them apart. */
function distinct(list: { value: string; label: string }[]) {
  return list.map((g) => (list.some((other) => other.label === g.label && other.value !== g.value) ? { ...g, label: `${g.label} (…${g.value.slice(-4)})` } : g));
}
