import { Alert, Button, Group, Loader, Paper, Stack, Text } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { Link, useNavigate } from 'react-router';
import { post, remove } from '../api';
import { dropAnswer, dropDraft, heldAnswer, takeDraft, type Answer } from '../consent';
import { done } from '../data';
import { tokenTexts } from '../text';
import type { Authorization } from '../types';
import { Failed, PageHead } from '../ui/parts';

const root = '/integrations/provisioning';

/** Where Slack's consent leads back to: the server exchanges the code, and the page goes on where it was left. */
export default function Consent() {
  const [answer] = useState(heldAnswer);
  const [draft] = useState(takeDraft);
  const navigate = useNavigate();
  const client = useQueryClient();
  const begun = useRef(false);
  const back = draft?.path ?? root + '/connections';

  const finish = async (a: Authorization) => {
    if (!a.store) return navigate(`${root}/connections/new?authorization=${a.id}`, { replace: true });
    dropDraft();
    // So that its page says at once how it stands.
    await post(`/propagation/stores/${a.store.id}/connection/status`).catch(() => undefined);
    await Promise.all([['stores'], ['live'], ['activities']].map((queryKey) => client.invalidateQueries({ queryKey })));
    done(`The connection has a token for ${a.token?.workspace?.name ?? 'its workspace'}.`);
    return navigate(back, { replace: true });
  };
  const take = useMutation({
    mutationFn: (given: Answer) => post<Authorization>('/propagation/authorizationAnswer', given),
    onSuccess: (a) => (a.status === 'OTHER_WORKSPACE' ? undefined : finish(a)),
  });
  const confirm = useMutation({ mutationFn: (id: string) => post<Authorization>(`/propagation/authorizations/${id}/confirm`), onSuccess: finish });
  const reject = useMutation({ mutationFn: (id: string) => remove('/propagation/authorizations/' + id), onSettled: () => { dropDraft(); void navigate(back, { replace: true }); } });

  useEffect(() => {
    if (!answer || begun.current) return;
    begun.current = true;
    dropAnswer();
    take.mutate(answer);
  }, [answer, take]);

  const other = take.data?.status === 'OTHER_WORKSPACE' ? take.data : undefined;
  return (
    <>
      <PageHead title={tokenTexts.title} crumbs={[['Provisioning', root + '/connections']]} />
      <Paper p={{ base: 'md', sm: 'xl' }} maw={720}>
        <Stack>
          {answer && (take.isIdle || take.isPending) && <Group role="status"><Loader size="sm" /><Text size="sm">{tokenTexts.proving}</Text></Group>}
          {!answer && <Alert color="orange" icon={<IconAlertTriangle aria-hidden />} title={tokenTexts.nothing}>{tokenTexts.nothingHelp}</Alert>}
          {take.error && <Failed error={take.error} title={tokenTexts.failed} />}
          {other && (
            <Alert color="orange" icon={<IconAlertTriangle aria-hidden />} title={tokenTexts.otherTitle} role="alert">
              <Stack gap="sm">
                <Text size="sm">
                  The token is for <b>{other.token?.workspace?.name}</b> ({other.token?.workspace?.id}). This connection provisions <b>{other.known?.name}</b> ({other.known?.id}).
                </Text>
                <Text size="sm">{tokenTexts.otherHelp}</Text>
                {confirm.error && <Failed error={confirm.error} title="The token was not taken over" />}
                <Group>
                  <Button onClick={() => reject.mutate(other.id)} loading={reject.isPending} variant="default">Keep the old token</Button>
                  <Button color="red" onClick={() => confirm.mutate(other.id)} loading={confirm.isPending}>Change the workspace</Button>
                </Group>
              </Stack>
            </Alert>
          )}
          {(take.error || !answer) && <Group><Button component={Link} to={draft?.wizard ? root + '/connections/new?resume=1' : back}>Back to the connection</Button></Group>}
        </Stack>
      </Paper>
    </>
  );
}
