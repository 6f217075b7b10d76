import { Button, Group, Select } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { useSearchParams } from 'react-router';
import { cursorOf, get, query } from '../api';
import { fail, done } from '../data';
import { plural } from '../text';
import type { Activity, Page } from '../types';
import { ActivityList } from '../ui/activitylist';
import { PageHead } from '../ui/parts';

const kinds = [
  { value: 'USER', label: 'Users' }, { value: 'GROUP', label: 'Groups' }, { value: 'POPULATION', label: 'Populations' }, { value: 'ATTRIBUTE', label: 'Attributes' },
  { value: 'PROVISIONING_CONNECTION', label: 'Connections' }, { value: 'PROVISIONING_RULE', label: 'Rules' }, { value: 'PROVISIONING_MAPPING', label: 'Mappings' },
  { value: 'PROVISIONING_REVISION', label: 'Revisions' }, { value: 'ADMINISTRATOR', label: 'Administrators' },
];
const actions = [
  { value: 'PROVISIONING_IDENTITY_SYNC.FAILURE', label: 'Failed writes' }, { value: 'PROVISIONING_IDENTITY_SYNC.SUCCESS', label: 'Successful writes' },
  { value: 'PROVISIONING_IDENTITY_SYNC.LINKED', label: 'Adopted accounts' }, { value: 'PROVISIONING_GROUP_SYNC.FAILURE', label: 'Failed group writes' }, { value: 'PROVISIONING_GROUP_SYNC.HELD', label: 'Held groups' }, { value: 'PROVISIONING_SYNC.STARTED', label: 'Syncs started' }, { value: 'PROVISIONING_SYNC.FAILURE', label: 'Halted connections' },
  { value: 'USER.CREATED', label: 'Users created' }, { value: 'USER.UPDATED', label: 'Users updated' }, { value: 'USER.DELETED', label: 'Users deleted' }, { value: 'ADMINISTRATOR.SIGNED_ON', label: 'Sign-ins' },
];
const spans = [{ value: '1', label: 'Last hour' }, { value: '24', label: 'Last 24 hours' }, { value: '168', label: 'Last 7 days' }, { value: '720', label: 'Last 30 days' }];
const most = 10_000;

export default function ActivityPage() {
  const [parameters, setParameters] = useSearchParams();
  const value = (name: string) => parameters.get(name);
  const set = (name: string, v: string | null) =>
    setParameters((old) => { const next = new URLSearchParams(old); if (v) next.set(name, v); else next.delete(name); return next; }, { replace: true });
  const [now] = useState(() => Date.now());
  const since = value('span') && new Date(now - Number(value('span')) * 3_600_000).toISOString();
  const filter = [
    value('kind') && `resources.type eq "${value('kind')}"`, value('action') && `action.type eq "${value('action')}"`, since && `recordedAt ge "${since}"`,
    value('correlation') && `correlationId eq ${JSON.stringify(value('correlation'))}`,
  ].filter(Boolean).join(' and ');
  const download = useMutation({ mutationFn: () => exportCSV(filter), onSuccess: (n) => done(`${plural(n, 'entry', 'entries')} exported${n >= most ? ` (the newest ${most.toLocaleString()}; narrow the time for more)` : ''}.`), onError: (e) => fail('The export did not work', e) });
  return (
    <>
      <PageHead title="Activity" actions={<Button variant="default" leftSection={<IconDownload size={16} />} onClick={() => download.mutate()} loading={download.isPending}>Export</Button>}>
        Every edit, and every write to a target with its reason. Entries are never changed.
      </PageHead>
      <Group mb="md" gap="sm">
        <Select aria-label="Kind of object" placeholder="Everything" clearable data={kinds} value={value('kind')} onChange={(v) => set('kind', v)} w={{ base: '100%', xs: 180 }} />
        <Select aria-label="Action" placeholder="Any action" clearable searchable data={actions} value={value('action')} onChange={(v) => set('action', v)} w={{ base: '100%', xs: 210 }} />
        <Select aria-label="Time" placeholder="Any time" clearable data={spans} value={value('span')} onChange={(v) => set('span', v)} w={{ base: '100%', xs: 160 }} />
      </Group>
      <ActivityList filter={filter} />
    </>
  );
}

async function exportCSV(filter: string): Promise<number> {
  // A cell that begins like a formula is not to be run by a spreadsheet.
  const cell = (v: unknown) => `"${String(v ?? '').replace(/^([=+\-@\t\r])/, "'$1").replaceAll('"', '""')}"`;
  const lines = [['recordedAt', 'action', 'result', 'actor', 'resource', 'resourceId', 'description', 'changes', 'correlationId'].join(',')];
  let cursor: string | undefined;
  do {
    const page: Page<'activities', Activity> = await get('/activities' + query({ filter, limit: 500, cursor }));
    for (const a of page._embedded.activities) {
      lines.push([a.recordedAt, a.action.type, a.result.status, (a.actors.user ?? a.actors.client)?.name, a.resources[0]?.name, a.resources[0]?.id, a.action.description, a.changes ? JSON.stringify(a.changes) : '', a.correlationId].map(cell).join(','));
    }
    cursor = cursorOf(page._links);
  } while (cursor && lines.length <= most);
  const url = URL.createObjectURL(new Blob([lines.join('\r\n') + '\r\n'], { type: 'text/csv' }));
  const a = document.createElement('a');
  a.href = url;
  a.download = `lockstep-activity-${new Date().toISOString().slice(0, 10)}.csv`;
  a.click();
  URL.revokeObjectURL(url);
  return lines.length - 1;
}
