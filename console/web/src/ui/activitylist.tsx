import { Accordion, Badge, Box, Button, Center, Group, Paper, Stack, Text } from '@mantine/core';
import { IconActivity } from '@tabler/icons-react';
import { Link } from 'react-router';
import { sentence } from '../api';
import { useActivities } from '../data';
import { actionLabel, time } from '../text';
import type { Activity } from '../types';
import { Ago, Changes, CopyText, Empty, Facts, Failed, Loading } from './parts';

const placeOf = (a: Activity): string | undefined => {
  const r = a.resources[0];
  if (!r?.id) return undefined;
  switch (r.type) {
    case 'USER': return '/directory/users/' + r.id;
    case 'GROUP': return '/directory/groups/' + r.id;
    case 'PROVISIONING_RULE': return '/integrations/provisioning/rules/' + r.id;
    case 'PROVISIONING_CONNECTION': return '/integrations/provisioning/connections/' + r.id;
    case 'PROVISIONING_MAPPING': return a.rule && `/integrations/provisioning/rules/${a.rule.id}/mapping`;
    default: return undefined;
  }
};

export function ActivityList({ filter, limit, compact }: { filter: string; limit?: number; compact?: boolean }) {
  const q = useActivities(filter, limit);
  if (q.error && q.rows.length === 0) return <Failed error={q.error} again={() => void q.refetch()} />;
  if (q.isLoading) return <Loading rows={6} />;
  if (q.rows.length === 0) return <Paper><Empty icon={<IconActivity size={40} stroke={1.3} />} title="Nothing happened yet">{filter ? 'No entry matches.' : 'Every edit and every write will be listed here, with its reason.'}</Empty></Paper>;
  return (
    <>
      <Accordion variant="contained" chevronPosition="right" styles={{ label: { padding: '10px 0' } }} style={{ opacity: q.isPlaceholderData ? 0.6 : 1 }}>
        {q.rows.map((a) => <Entry key={a.id} activity={a} />)}
      </Accordion>
      {!compact && q.hasNextPage && <Center mt="md"><Button variant="default" onClick={() => void q.fetchNextPage()} loading={q.isFetchingNextPage}>Show more</Button></Center>}
    </>
  );
}

function Entry({ activity: a }: { activity: Activity }) {
  const actor = a.actors.user ?? a.actors.client;
  const failed = a.result.status === 'FAILED';
  const resource = a.resources[0];
  const to = placeOf(a);
  const description = sentence(a.action.description || actionLabel(a.action.type));
  const named = resource?.name && !description.toLowerCase().includes(resource.name.toLowerCase());
  return (
    <Accordion.Item value={a.id}>
      <Accordion.Control>
        <Group gap="sm" wrap="nowrap" align="flex-start">
          <Box w={8} h={8} mt={7} bg={failed ? 'red.6' : 'teal.6'} style={{ borderRadius: 8, flexShrink: 0 }} role="img" aria-label={failed ? 'Failed' : 'Success'} />
          <Box miw={0} flex={1}>
            <Text size="sm" className="wrap">{named && <b>{resource.name}: </b>}{description}</Text>
            <Text size="xs" c="dimmed">{actor?.name ?? 'Lockstep'}{a.cause?.actor && ` for ${a.cause.actor.name}`} · <Ago at={a.recordedAt} /></Text>
          </Box>
          <Badge variant="default" size="sm" radius="sm" tt="none" fw={500} visibleFrom="sm" mr="sm" style={{ flexShrink: 0, alignSelf: 'center' }}>{actionLabel(a.action.type)}</Badge>
        </Group>
      </Accordion.Control>
      <Accordion.Panel>
        <Stack gap="sm" pl={16}>
          {a.changes && a.changes.length > 0 && <Changes changes={a.changes} limit={20} />}
          <Facts
            of={[
              ['When', time(a.recordedAt)],
              ['Action', <Text key="x" size="xs" ff="monospace">{a.action.type}</Text>],
              ['About', to ? <Link key="to" to={to}>{resource.name || resource.id}</Link> : (resource?.name ?? resource?.id ?? '—')],
              ...(a.cause ? ([['Because', `${sentence(a.cause.description)}${a.cause.actor ? ` By ${a.cause.actor.name}.` : ''}`]] as [string, React.ReactNode][]) : []),
              ...(a.correlationId ? ([['Correlation id', <CopyText key="c" text={a.correlationId} label="the correlation id" />]] as [string, React.ReactNode][]) : []),
            ]}
          />
        </Stack>
      </Accordion.Panel>
    </Accordion.Item>
  );
}
