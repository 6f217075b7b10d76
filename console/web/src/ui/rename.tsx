import { Button, Group, Modal, Stack, Text, Textarea, TextInput } from '@mantine/core';
import { useEffect, useState } from 'react';
import { ApiError } from '../api';
import { useAct } from '../data';
import { Failed } from './parts';

interface Named { name: string; description?: string }

/** Edits the name and the description of a rule or a connection. */
export function Rename({ of, save, stale, opened, onClose }: { of: Named; save: (edited: Named) => Promise<unknown>; stale: unknown[][]; opened: boolean; onClose: () => void }) {
  const [name, setName] = useState(of.name);
  const [description, setDescription] = useState(of.description ?? '');
  const act = useAct(() => save({ name, description }).then(onClose), stale);
  useEffect(() => { setName(of.name); setDescription(of.description ?? ''); act.reset(); }, [opened]); // eslint-disable-line
  const error = act.error instanceof ApiError ? act.error : undefined;
  return (
    <Modal opened={opened} onClose={onClose} title={<Text fw={650}>Name and description</Text>}>
      <form onSubmit={(e) => { e.preventDefault(); act.mutate(undefined); }}>
        <Stack>
          <TextInput label="Name" required value={name} onChange={(e) => setName(e.currentTarget.value)} error={error?.at('name')} data-autofocus />
          <Textarea label="Description" value={description} onChange={(e) => setDescription(e.currentTarget.value)} error={error?.at('description')} autosize minRows={2} />
          {act.error && !error?.at('name', 'description') && <Failed error={act.error} title="It was not saved" />}
          <Group justify="flex-end"><Button variant="default" onClick={onClose}>Cancel</Button><Button type="submit" loading={act.isPending}>Save</Button></Group>
        </Stack>
      </form>
    </Modal>
  );
}
