import { Button, Group as Row, Modal, SegmentedControl, Select, Stack, Text, Textarea, TextInput } from '@mantine/core';
import { useState } from 'react';
import { ApiError, post, put } from '../api';
import { staleGroups, useAct, usePopulations } from '../data';
import { FilterEditor } from '../rule/filtereditor';
import type { Group } from '../types';
import { Failed } from './parts';

/** The body that replaces a group. */
export const groupBody = (g: Group) => ({
  name: g.name, description: g.description, externalId: g.externalId, userFilter: g.userFilter, customData: g.customData, population: g.population && { id: g.population.id },
});

/** Makes a group, or edits what is said about it. The filter of one that exists has a page of its own. */
export function GroupForm({ group: g, onClose, onSaved }: { group?: Group; onClose: () => void; onSaved?: (g: Group) => void }) {
  const populations = usePopulations();
  const [v, setV] = useState({ name: g?.name ?? '', description: g?.description ?? '', externalId: g?.externalId ?? '', population: g?.population?.id ?? '', userFilter: g?.userFilter ?? '' });
  const [dynamic, setDynamic] = useState(false);
  const set = (name: keyof typeof v) => (value: string | null) => setV((old) => ({ ...old, [name]: value ?? '' }));
  const save = useAct(async () => {
    const body = { ...(g ? groupBody(g) : {}), name: v.name, description: v.description, externalId: v.externalId, population: v.population ? { id: v.population } : undefined, userFilter: g || dynamic ? v.userFilter : '' };
    const saved = await (g ? put<Group>('/groups/' + g.id, body) : post<Group>('/groups', body));
    onClose();
    onSaved?.(saved);
  }, staleGroups);
  const error = save.error instanceof ApiError ? save.error : undefined;
  return (
    <Modal opened onClose={onClose} title={<Text fw={650}>{g ? 'Edit group' : 'Add group'}</Text>} size={g ? 'md' : 'lg'}>
      <form onSubmit={(e) => { e.preventDefault(); save.mutate(undefined); }}>
        <Stack>
          <TextInput label="Name" required value={v.name} onChange={(e) => set('name')(e.currentTarget.value)} error={error?.at('name')} description={g && g.name !== v.name ? 'Where rules carry it, the group is renamed on the target too.' : undefined} data-autofocus />
          <Textarea label="Description" value={v.description} onChange={(e) => set('description')(e.currentTarget.value)} error={error?.at('description')} autosize minRows={2} />
          <Select label="Population" placeholder="The whole environment" clearable searchable data={populations.data?.map((p) => ({ value: p.id, label: p.name })) ?? []} value={v.population || null} onChange={set('population')} error={error?.at('population', 'population.id')} />
          {g && <TextInput label="External ID" value={v.externalId} onChange={(e) => set('externalId')(e.currentTarget.value)} error={error?.at('externalId')} />}
          {!g && (
            <>
              <div>
                <Text size="sm" fw={500} mb={4}>Members</Text>
                <SegmentedControl aria-label="Members" value={dynamic ? 'filter' : 'direct'} onChange={(k) => setDynamic(k === 'filter')} data={[{ value: 'direct', label: 'Added one by one' }, { value: 'filter', label: 'Follow a filter' }]} />
              </div>
              {dynamic && <FilterEditor value={v.userFilter} onChange={set('userFilter')} groups={false} hint="Add a condition to see who is a member. Membership follows the attributes of people." />}
              {error?.at('userFilter') && <Text size="sm" c="var(--mantine-color-error)" role="alert">{error.at('userFilter')}</Text>}
            </>
          )}
          {save.error && !error?.at('name', 'description', 'externalId', 'population', 'population.id', 'userFilter') && <Failed error={save.error} title="The group was not saved" />}
          <Row justify="flex-end"><Button variant="default" onClick={onClose}>Cancel</Button><Button type="submit" loading={save.isPending} disabled={!v.name.trim() || (dynamic && !v.userFilter.trim())}>{g ? 'Save' : 'Add group'}</Button></Row>
        </Stack>
      </form>
    </Modal>
  );
}
