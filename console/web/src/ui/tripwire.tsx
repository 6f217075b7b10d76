// What the tripwire says, and what can be done about it.
import { Alert, Button, Group, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconAlertTriangle } from '@tabler/icons-react';
import { Link } from 'react-router';
import { post, sentence } from '../api';
import { done, useAct } from '../data';
import { useMay } from '../session';
import { plural, tripwireTexts } from '../text';
import type { Store, Tripwire as Trip } from '../types';
import { Ago, Confirm } from './parts';

export function Tripwire({ store, trip }: { store: Store; trip: Trip }) {
  const may = useMay();
  const [resuming, resumes] = useDisclosure();
  const act = useAct(async (action: 'REPAIR' | 'RESUME') => {
    await post(`/propagation/stores/${store.id}/tripwire`, { action });
    resumes.close();
    done(tripwireTexts[action].done);
  }, [['live'], ['stores'], ['activities']], 'That did not work');
  const busy = trip.request !== undefined;
  return (
    <Alert color="red" icon={<IconAlertTriangle aria-hidden />} title={tripwireTexts.title} role="alert">
      <Text size="sm">{sentence(trip.why ?? '')}</Text>
      <Text size="sm" mt={4}>
        It stopped <Ago at={trip.since} />. {trip.repairedAt && <>Everybody was active again <Ago at={trip.repairedAt} />. </>}
        {busy && `${tripwireTexts[trip.request as 'REPAIR' | 'RESUME'].busy}, asked for by ${trip.requestedBy}.`}
      </Text>
      {may.editAll && (
        <Group gap="xs" mt="sm">
          <Button size="xs" variant="default" onClick={() => act.mutate('REPAIR')} loading={busy && trip.request === 'REPAIR'} disabled={busy}>{tripwireTexts.REPAIR.action}</Button>
          <Button size="xs" onClick={resumes.open} loading={busy && trip.request === 'RESUME'} disabled={busy}>{tripwireTexts.RESUME.action}</Button>
          <Button size="xs" variant="subtle" component={Link} to={`/integrations/provisioning/connections/${store.id}/drift`}>{tripwireTexts.look}</Button>
        </Group>
      )}
      <Confirm opened={resuming} onClose={resumes.close} title={`Resume ${store.name}?`} action={tripwireTexts.RESUME.action} color="orange" onConfirm={() => act.mutate('RESUME')} loading={act.isPending} error={act.error}>
        {tripwireTexts.confirm} {trip.hurt ? `${plural(trip.hurt, 'person', 'people')} were concerned when it stopped.` : ''}
      </Confirm>
    </Alert>
  );
}
