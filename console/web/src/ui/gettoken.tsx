// Getting the Slack token by OAuth: how to make the app, its credentials, and the way to Slack's consent.
import { ActionIcon, Alert, Anchor, Box, Button, Code, Collapse, CopyButton, Group, List, Modal, PasswordInput, Stack, Switch, Text, TextInput, Title, UnstyledButton } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconAlertTriangle, IconCheck, IconChevronDown, IconChevronRight, IconCopy, IconExternalLink, IconKey } from '@tabler/icons-react';
import { useMutation, useQuery, keepPreviousData } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { ApiError, get, post, query } from '../api';
import { keepDraft, leaveFor, type Draft } from '../consent';
import { tokenTexts } from '../text';
import type { Authorization, AuthorizationSetup, TokenState } from '../types';
import { Failed, Loading } from './parts';

interface Props {
  /** Of a connection that exists; it takes the token over. */
  store?: string;
  /** Of one that does not. */
  type?: string; baseUrl?: string;
  /** What to come back to. */
  draft: Draft;
  token?: TokenState;
}

export function GetToken({ label = 'Get token', variant = 'default', size, ...props }: Props & { label?: string; variant?: string; size?: string }) {
  const [opened, { open, close }] = useDisclosure();
  return (
    <>
      <Button variant={variant} size={size} leftSection={<IconKey size={16} aria-hidden />} onClick={open}>{label}</Button>
      <Modal opened={opened} onClose={close} title={<Text fw={650}>{tokenTexts.title}</Text>} size="xl">
        {opened && <Form {...props} onClose={close} />}
      </Modal>
    </>
  );
}

function Form({ store, type = 'Slack', baseUrl, draft, token, onClose }: Props & { onClose: () => void }) {
  const [organization, setOrganization] = useState(Boolean(token?.workspace?.organization));
  const [rotation, setRotation] = useState(Boolean(token?.refreshed));
  const [clientId, setClientId] = useState('');
  const [clientSecret, setClientSecret] = useState('');
  const known = Boolean(store && token?.clientId && token.refreshed);
  const [again, setAgain] = useState(known);
  const setup = useQuery({
    queryKey: ['authorizationSetup', organization, rotation], staleTime: Infinity, placeholderData: keepPreviousData,
    queryFn: ({ signal }) => get<AuthorizationSetup>('/propagation/authorizationSetup' + query({ type, organization, rotation }), signal),
  });
  const connect = useMutation({
    mutationFn: () =>
      post<Authorization>('/propagation/authorizations', {
        ...(store ? { store: { id: store } } : { type, configuration: baseUrl ? { BASE_URL: baseUrl } : {} }),
        ...(again ? {} : { clientId: clientId.trim(), clientSecret: clientSecret.trim() }),
      }),
    onSuccess: (a) => {
      keepDraft(draft);
      leaveFor(a);
    },
  });
  const error = connect.error instanceof ApiError ? connect.error : undefined;
  const s = setup.data;
  if (setup.error) return <Failed error={setup.error} again={() => void setup.refetch()} />;
  if (!s) return <Loading rows={5} />;
  return (
    <form onSubmit={(e) => { e.preventDefault(); connect.mutate(); }}>
      <Stack gap="lg">
        <Text size="sm" c="dimmed">{tokenTexts.lead}</Text>
        {s.warnings.map((w) => <Alert key={w} color="orange" icon={<IconAlertTriangle aria-hidden />} title={tokenTexts.unreachable}>{w.split(/(--[a-z-]+|lockstep slack token)/).map((part, i) => (i % 2 ? <Code key={i} style={{ whiteSpace: 'nowrap' }}>{part}</Code> : part))}</Alert>)}
        {again ? (
          <Text size="sm">
            {tokenTexts.again} <Code>{token?.clientId}</Code>. <Anchor component="button" type="button" size="sm" onClick={() => setAgain(false)}>{tokenTexts.other}</Anchor>
          </Text>
        ) : (
          <>
            <Step n={1} title={tokenTexts.make}>
              <Stack gap="md">
                <Stack gap="sm">
                  <Switch label={tokenTexts.organization} checked={organization} onChange={(e) => setOrganization(e.currentTarget.checked)} />
                  <Switch label={tokenTexts.rotation} description={tokenTexts.rotationHelp} checked={rotation} onChange={(e) => setRotation(e.currentTarget.checked)} />
                </Stack>
                <List size="sm" spacing={4} type="ordered" aria-label={tokenTexts.make}>{s.steps.slice(0, -1).map((step) => <List.Item key={step}>{step}</List.Item>)}</List>
                <Copied label={tokenTexts.redirect} text={s.redirectUrl} />
                <Copied label={tokenTexts.scope} text={s.scopes.join(', ')} />
                <Manifest text={s.manifest} createUrl={s.createUrl} />
              </Stack>
            </Step>
            <Step n={2} title={tokenTexts.credentials}>
              <Stack gap="sm">
                <TextInput label="Client ID" required value={clientId} onChange={(e) => setClientId(e.currentTarget.value)} error={error?.at('clientId')} autoComplete="off" spellCheck={false} placeholder="1234567890.1234567890123" />
                <PasswordInput label="Client Secret" description={tokenTexts.secretHelp} required value={clientSecret} onChange={(e) => setClientSecret(e.currentTarget.value)} error={error?.at('clientSecret')} autoComplete="off" spellCheck={false} data-1p-ignore visibilityToggleButtonProps={{ 'aria-label': 'Show what is typed' }} />
              </Stack>
            </Step>
          </>
        )}
        <Step n={again ? undefined : 3} title={tokenTexts.consent}><Text size="sm">{s.steps[s.steps.length - 1]} {tokenTexts.consentHelp}</Text></Step>
        {error && !error.at('clientId', 'clientSecret') && <Failed error={error} title="Slack was not asked" />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>Cancel</Button>
          <Button type="submit" loading={connect.isPending || connect.isSuccess} rightSection={<IconExternalLink size={16} aria-hidden />}>Connect</Button>
        </Group>
      </Stack>
    </form>
  );
}

function Step({ n, title, children }: { n?: number; title: string; children: ReactNode }) {
  return (
    <Box component="section">
      <Title order={3} size="h5" mb="xs">{n ? `${n}. ${title}` : title}</Title>
      {children}
    </Box>
  );
}

function Copied({ label, text }: { label: string; text: string }) {
  return (
    <Box>
      <Text size="sm" fw={500}>{label}</Text>
      <Group gap={4} wrap="nowrap" miw={0}>
        <Code className="wrap" fz="sm">{text}</Code>
        <Copy text={text} label={label} />
      </Group>
    </Box>
  );
}

function Copy({ text, label }: { text: string; label: string }) {
  return (
    <CopyButton value={text}>
      {({ copied, copy }) => <ActionIcon variant="subtle" color="gray" onClick={copy} aria-label={copied ? 'Copied' : `Copy ${label}`}>{copied ? <IconCheck size={16} /> : <IconCopy size={16} />}</ActionIcon>}
    </CopyButton>
  );
}

function Manifest({ text, createUrl }: { text: string; createUrl: string }) {
  const [shown, { toggle }] = useDisclosure();
  return (
    <Box>
      <Group gap="xs" justify="space-between">
        <UnstyledButton onClick={toggle} aria-expanded={shown}>
          <Group gap={4} wrap="nowrap">{shown ? <IconChevronDown size={16} aria-hidden /> : <IconChevronRight size={16} aria-hidden />}<Text size="sm" fw={500}>{tokenTexts.manifest}</Text></Group>
        </UnstyledButton>
        <Group gap="xs">
          <CopyButton value={text}>{({ copied, copy }) => <Button size="compact-sm" variant="default" onClick={copy} leftSection={copied ? <IconCheck size={14} /> : <IconCopy size={14} />}>{copied ? 'Copied' : 'Copy manifest'}</Button>}</CopyButton>
          <Button size="compact-sm" variant="default" component="a" href={createUrl} target="_blank" rel="noreferrer noopener" leftSection={<IconExternalLink size={14} aria-hidden />}>Create the app at Slack</Button>
        </Group>
      </Group>
      <Collapse expanded={shown}><Code block mt="xs" fz="xs" tabIndex={0} aria-label={tokenTexts.manifest} mah={260} style={{ overflow: 'auto' }}>{text}</Code></Collapse>
    </Box>
  );
}

/** What is known of a token, in a sentence or two. */
export function TokenFacts({ token }: { token: TokenState }) {
  const where = token.workspace ? `${token.workspace.organization ? 'The organisation' : 'The workspace'} ${token.workspace.name}` : 'A workspace that is not known yet';
  return (
    <>
      {where}
      {token.owner && <>, by {token.owner}</>}. {token.expiresAt ? (token.refreshed ? 'It expires and is refreshed by itself.' : 'It expires and is not refreshed.') : 'It does not expire.'}
    </>
  );
}
