import { ActionIcon, Anchor, Badge, Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { IconPencil, IconPlus, IconStack2 } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { ApiError, query, send } from '../api';
import { done, useAct } from '../data';
import { baseOf } from '../place';
import { useSession } from '../session';
import { environmentTexts } from '../text';
import type { Environment, Page } from '../types';
import { Ago, CopyText, Empty, Failed, List } from '../ui/parts';

const path = '/v1/environments';

/** The environments in which whoever is signed in has a role. */
export function Environments() {
  const { session } = useSession();
  const q = useQuery({
    queryKey: ['environments'],
    queryFn: async ({ signal }): Promise<Environment[]> => ((await (await send(path + query({ limit: 200 }), { signal })).json()) as Page<'environments', Environment>)._embedded.environments,
  });
  const [editing, setEditing] = useState<Partial<Environment>>();
  const roleIn = (id: string) => session.environments?.find((e) => e.id === id)?.role;
  return (
    <>
      <Group justify="space-between" mb="md" gap="sm">
        <Text size="sm" c="dimmed" maw={640}>{environmentTexts.lead}</Text>
        {session.ownRole === 'Environment Admin' && <Button leftSection={<IconPlus size={16} />} onClick={() => setEditing({})}>Add environment</Button>}
      </Group>
      <List<Environment>
        label="Environments" rows={q.data ?? []} rowKey={(e) => e.id} loading={q.isLoading} error={q.error} again={() => void q.refetch()} empty={<Empty icon={<IconStack2 size={40} stroke={1.3} />} title="No environment" />}
        columns={[
          { label: 'Name', cell: (e) => (
            <>
              <Group gap="xs">
                {e.id === session.environment?.id ? <Text size="sm" fw={550}>{e.name}</Text> : <Anchor href={baseOf(e.id) + '/'} size="sm" fw={550}>{e.name}</Anchor>}
                {e.id === session.environment?.id && <Badge size="sm" variant="light" tt="none" radius="sm">Open now</Badge>}
              </Group>
              <CopyText text={e.id} label={`the id of ${e.name}`} />
            </>
          ) },
          { label: 'Your role', wide: true, cell: (e) => <Text size="sm">{roleIn(e.id)}</Text> },
          { label: 'Created', wide: true, width: 150, cell: (e) => <Text size="sm"><Ago at={e.createdAt} /></Text> },
          { label: 'Edit', width: 60, cell: (e) => roleIn(e.id) === 'Environment Admin' && <ActionIcon variant="subtle" color="gray" aria-label={`Rename ${e.name}`} onClick={() => setEditing(e)}><IconPencil size={16} /></ActionIcon> },
        ]}
      />
      {editing && <Edit environment={editing} onClose={() => setEditing(undefined)} />}
    </>
  );
}

function Edit({ environment: e, onClose }: { environment: Partial<Environment>; onClose: () => void }) {
  const [name, setName] = useState(e.name ?? '');
  const save = useAct(async () => {
    const saved = (await (await send(e.id ? `${path}/${e.id}` : path, { method: e.id ? 'PUT' : 'POST', json: { name } })).json()) as Environment;
    done(e.id ? `The environment is called ${saved.name}.` : `${saved.name} is made. Open it from this list, or from the menu above.`);
    onClose();
  }, [['environments'], ['session'], ['activities']]);
  const error = save.error instanceof ApiError ? save.error : undefined;
  return (
    <Modal opened onClose={onClose} title={<Text fw={650}>{e.id ? `Rename ${e.name}` : 'Add environment'}</Text>}>
      <form onSubmit={(event) => { event.preventDefault(); save.mutate(undefined); }}>
        <Stack>
          <TextInput label="Name" description={environmentTexts.name} required maxLength={256} value={name} onChange={(event) => setName(event.currentTarget.value)} error={error?.at('name')} data-autofocus />
          <Text size="sm" c="dimmed">{e.id ? environmentTexts.rename : environmentTexts.create}</Text>
          {save.error && !error?.at('name') && <Failed error={save.error} title="It was not saved" />}
          <Group justify="flex-end"><Button variant="default" onClick={onClose}>Cancel</Button><Button type="submit" loading={save.isPending}>{e.id ? 'Save' : 'Create'}</Button></Group>
        </Stack>
      </form>
    </Modal>
  );
}
