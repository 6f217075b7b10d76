import { ActionIcon, Alert, Autocomplete, Box, Button, Group, List as Bullets, Loader, NumberInput, Paper, SegmentedControl, Select, Stack, Tabs, Text, Textarea } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconAlertTriangle, IconPlus, IconTrash } from '@tabler/icons-react';
import { useMemo, useState } from 'react';
import { errorText } from '../api';
import { useAttributes, useMatching, usePopulations } from '../data';
import { nameOf, number, plural } from '../text';
import type { Attribute, Population } from '../types';
import { Failed } from '../ui/parts';
import { GroupPicker } from '../ui/pickers';
import { TooRich, groupAttributes, inGroup, operatorsFor, parse, write, type Condition, type Node, type Set_, type Value } from './filter';

/**
 * The user filter: a builder and the same filter as text, with how many it covers and who some of them are. The filter of a group cannot
 * ask about groups.
 */
export function FilterEditor({ value, onChange, readOnly, groups = true, hint }: { value: string; onChange: (text: string) => void; readOnly?: boolean; groups?: boolean; hint?: string }) {
  const [view, setView] = useState<string | null>('builder');
  const [root, setRoot] = useState<Set_ | null>(() => read(value).root);
  const [rich, setRich] = useState(() => read(value).rich);
  const attributes = useAttributes();
  const populations = usePopulations();
  // All of them or none: a list that grows while it is open puts another attribute under the pointer.
  const known = useMemo(() => (attributes.data ? ([...attributes.data, ...(groups ? groupAttributes : [])] as Attribute[]) : []), [attributes.data, groups]);
  const edit = (next: Set_) => {
    setRoot(next);
    onChange(write(next));
  };
  const type = (text: string) => {
    onChange(text);
    const r = read(text);
    setRoot(r.root);
    setRich(r.rich);
  };
  const everybody = value === 'population.id pr';
  return (
    <Stack>
      <Group gap="sm">
        <SegmentedControl
          aria-label="Who is covered" disabled={readOnly} data={[{ value: 'some', label: 'People who match' }, { value: 'all', label: 'Everybody' }]} value={everybody ? 'all' : 'some'}
          onChange={(v) => type(v === 'all' ? 'population.id pr' : '')}
        />
      </Group>
      {!everybody && (
        <Tabs value={view} onChange={setView} keepMounted={false}>
          <Tabs.List mb="sm"><Tabs.Tab value="builder">Builder</Tabs.Tab><Tabs.Tab value="text">Text</Tabs.Tab></Tabs.List>
          <Tabs.Panel value="builder">
            {root ? (
              <SetEditor set={root} onChange={edit} attributes={known} populations={populations.data ?? []} depth={0} readOnly={readOnly} />
            ) : (
              <Alert color="blue" title={rich ? 'This filter is richer than the builder' : 'The text cannot be read yet'}>
                {rich ? 'It looks into lists, which only the text can say.' : 'Correct it under Text; the builder follows.'}
              </Alert>
            )}
          </Tabs.Panel>
          <Tabs.Panel value="text">
            <Textarea
              aria-label="Filter as text" value={value} readOnly={readOnly} onChange={(e) => type(e.currentTarget.value)} autosize minRows={3} spellCheck={false} styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)', fontSize: 13 } }}
              description={'A SCIM filter, for example: population.name eq "Sales" and (title sw "Lead" or enabled eq true)'} inputWrapperOrder={['label', 'input', 'description', 'error']}
            />
          </Tabs.Panel>
        </Tabs>
      )}
      {attributes.error && <Failed error={attributes.error} title="The attributes could not be loaded" again={() => void attributes.refetch()} />}
      <Matching filter={value} hint={hint} />
    </Stack>
  );
}

function read(text: string): { root: Set_ | null; rich: boolean } {
  try {
    return { root: parse(text), rich: false };
  } catch (e) {
    return { root: null, rich: e instanceof TooRich };
  }
}

function SetEditor({ set, onChange, onRemove, attributes, populations, depth, readOnly }: {
  set: Set_; onChange: (s: Set_) => void; onRemove?: () => void; attributes: Attribute[]; populations: Population[]; depth: number; readOnly?: boolean;
}) {
  const replace = (i: number, n: Node) => onChange({ ...set, nodes: set.nodes.map((old, j) => (i === j ? n : old)) });
  const drop = (i: number) => onChange({ ...set, nodes: set.nodes.filter((_, j) => j !== i) });
  const add = (n: Node) => onChange({ ...set, nodes: [...set.nodes, n] });
  const empty: Condition = { kind: 'condition', path: '', op: 'eq', value: '' };
  return (
    <Box className={depth > 0 ? 'condition-set' : undefined}>
      <Group justify="space-between" mb="xs" gap="xs">
        <Group gap="xs">
          <Select
            aria-label="How conditions combine" size="xs" w={92} disabled={readOnly} allowDeselect={false} value={set.join} onChange={(v) => onChange({ ...set, join: v as Set_['join'] })}
            data={[{ value: 'all', label: 'All' }, { value: 'any', label: 'Any' }, { value: 'none', label: 'None' }]}
          />
          <Text size="sm" c="dimmed">of these conditions {set.join === 'all' ? 'are true' : set.join === 'any' ? 'is true' : 'is true'}</Text>
        </Group>
        {onRemove && !readOnly && <ActionIcon variant="subtle" color="gray" aria-label="Remove condition set" onClick={onRemove}><IconTrash size={16} /></ActionIcon>}
      </Group>
      <Stack gap="xs">
        {set.nodes.map((n, i) =>
          n.kind === 'set' ? (
            <SetEditor key={i} set={n} onChange={(s) => replace(i, s)} onRemove={() => drop(i)} attributes={attributes} populations={populations} depth={depth + 1} readOnly={readOnly} />
          ) : (
            <ConditionEditor key={i} condition={n} onChange={(c) => replace(i, c)} onRemove={() => drop(i)} attributes={attributes} populations={populations} readOnly={readOnly} />
          ),
        )}
      </Stack>
      {!readOnly && (
        <Group gap="xs" mt="xs">
          <Button size="compact-sm" variant="light" leftSection={<IconPlus size={14} />} onClick={() => add(empty)}>Add condition</Button>
          {depth < 4 && <Button size="compact-sm" variant="subtle" color="gray" leftSection={<IconPlus size={14} />} onClick={() => add({ kind: 'set', join: 'any', nodes: [empty] })}>Add condition set</Button>}
        </Group>
      )}
    </Box>
  );
}

function ConditionEditor({ condition: c, onChange, onRemove, attributes, populations, readOnly }: {
  condition: Condition; onChange: (c: Condition) => void; onRemove: () => void; attributes: Attribute[]; populations: Population[]; readOnly?: boolean;
}) {
  const attribute = attributes.find((a) => a.name.toLowerCase() === c.path.toLowerCase());
  const names = useMemo(() => {
    const list = attributes.filter((a) => a.name !== 'environment.id' && a.type !== 'JSON' && (a.type !== 'COMPLEX' || a.name === inGroup)).map((a) => ({ value: a.name, label: a.displayName ? `${a.displayName}` : a.name }));
    // Two attributes may be shown alike; then the name says which.
    const seen = new Map<string, number>();
    list.forEach((o) => seen.set(o.label, (seen.get(o.label) ?? 0) + 1));
    return list.map((o) => ((seen.get(o.label) ?? 0) > 1 ? { ...o, label: `${o.label} (${o.value})` } : o));
  }, [attributes]);
  const data = c.path && !attribute ? [...names, { value: c.path, label: c.path }] : names;
  const choose = (path: string | null) => {
    const next = attributes.find((a) => a.name === path);
    const op = operatorsFor(next?.type, next?.name).some((o) => o.value === c.op) ? c.op : 'eq';
    onChange({ ...c, path: path ?? '', op, value: next?.type === 'BOOLEAN' ? true : typeof c.value === 'string' && path !== inGroup && c.path !== inGroup ? c.value : '' });
  };
  return (
    <Group gap="xs" align="flex-start" wrap="wrap">
      <Select aria-label="Attribute" placeholder="Attribute" searchable disabled={readOnly || attributes.length === 0} data={data} value={attribute?.name ?? (c.path || null)} onChange={choose} flex="2 1 150px" size="sm" />
      <Select aria-label="Operator" allowDeselect={false} disabled={readOnly} data={operatorsFor(attribute?.type, attribute?.name)} value={c.op} onChange={(op) => onChange({ ...c, op: op ?? 'eq' })} flex="1 1 120px" size="sm" />
      {c.op !== 'pr' && <ValueEditor attribute={attribute} value={c.value} onChange={(value) => onChange({ ...c, value })} populations={populations} readOnly={readOnly} exact={c.op === 'eq' || c.op === 'ne'} />}
      {!readOnly && <ActionIcon variant="subtle" color="gray" mt={4} aria-label="Remove condition" onClick={onRemove}><IconTrash size={16} /></ActionIcon>}
    </Group>
  );
}

function ValueEditor({ attribute, value, onChange, populations, readOnly, exact }: { attribute?: Attribute; value: Value; onChange: (v: Value) => void; populations: Population[]; readOnly?: boolean; exact: boolean }) {
  const flex = '2 1 150px';
  if (attribute?.name === inGroup) return <GroupPicker label="Group to be in" hideLabel value={String(value ?? '')} onChange={onChange} disabled={readOnly} flex={flex} />;
  if (attribute?.type === 'BOOLEAN') {
    return <Select aria-label="Value" disabled={readOnly} allowDeselect={false} data={[{ value: 'true', label: 'true' }, { value: 'false', label: 'false' }]} value={String(value)} onChange={(v) => onChange(v === 'true')} flex={flex} />;
  }
  if (attribute?.type === 'INTEGER') return <NumberInput aria-label="Value" disabled={readOnly} value={typeof value === 'number' ? value : ''} onChange={(v) => onChange(v === '' ? '' : Number(v))} flex={flex} />;
  if (attribute?.name === 'population.id' && exact) {
    return <Select aria-label="Value" disabled={readOnly} searchable placeholder="Population" data={populations.map((p) => ({ value: p.id, label: p.name }))} value={String(value ?? '') || null} onChange={(v) => onChange(v ?? '')} flex={flex} />;
  }
  const known = attribute?.name === 'population.name' ? populations.map((p) => p.name) : [];
  return <Autocomplete aria-label="Value" placeholder="Value" disabled={readOnly} data={known} value={String(value ?? '')} onChange={onChange} flex={flex} spellCheck={false} />;
}

/** How many the filter covers, and some of them. */
export function Matching({ filter, hint = 'Add a condition to see who it covers. A rule without a filter cannot be enabled.' }: { filter: string; hint?: string }) {
  const [settled] = useDebouncedValue(filter.trim(), 300);
  const q = useMatching(settled, settled !== '');
  if (!settled) return <Text size="sm" c="dimmed">{hint}</Text>;
  if (q.error) {
    return <Alert color="red" icon={<IconAlertTriangle aria-hidden />} title="The filter cannot be used" role="alert"><Text size="sm" className="wrap">{errorText(q.error)}</Text></Alert>;
  }
  const users = q.data?._embedded.users ?? [];
  const count = q.data?.count; // the server does not count where it would have to look at too many, one by one
  return (
    <Paper p="md" bg="var(--page)" aria-live="polite" style={{ opacity: q.isPlaceholderData ? 0.6 : 1 }}>
      {!q.data ? <Loader size="sm" aria-label="Counting" /> : (
        <>
          <Text size="sm" fw={600} data-testid="matching">{count === undefined ? 'Too many people to count match' : count === 0 ? 'Nobody matches' : plural(count, 'person matches', 'people match')}</Text>
          {users.length > 0 && (
            <Bullets size="sm" mt={4} listStyleType="none" withPadding={false}>
              {users.slice(0, 5).map((u) => <Bullets.Item key={u.id}><Text size="sm" c="dimmed" className="wrap">{nameOf(u)} · {u.email ?? u.username}{u.enabled ? '' : ' · disabled'}</Text></Bullets.Item>)}
            </Bullets>
          )}
          {count !== undefined && count > 5 && <Text size="sm" c="dimmed" mt={2}>and {number(count - Math.min(5, users.length))} more</Text>}
        </>
      )}
    </Paper>
  );
}
