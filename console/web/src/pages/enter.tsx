import { Alert, Anchor, Box, Button, Center, Code, Group, Paper, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { IconInfoCircle } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { useEffect, useState, type FormEvent, type ReactNode } from 'react';
import { Link } from 'react-router';
import { ApiError, send } from '../api';
import { useSession } from '../session';
import { Logo, SchemeSwitch } from '../shell';
import { Failed } from '../ui/parts';

function Frame({ title, children, lead }: { title: string; lead?: ReactNode; children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Lockstep`;
  }, [title]);
  return (
    <Center mih="100vh" p="md" component="main">
      <Box w="100%" maw={400}>
        <Group justify="space-between" mb="lg"><Logo /><SchemeSwitch /></Group>
        <Paper p="xl" shadow="sm">
          <Title order={1} mb={4}>{title}</Title>
          {lead && <Text size="sm" c="dimmed" mb="md">{lead}</Text>}
          {children}
        </Paper>
      </Box>
    </Center>
  );
}

export function Enter() {
  const { session, reload } = useSession();
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const signIn = useMutation({
    mutationFn: () => send('/v1/session', { method: 'POST', json: { username, password } }),
    onSuccess: reload,
    onError: () => setPassword(''),
  });
  const submit = (e: FormEvent) => {
    e.preventDefault();
    signIn.mutate();
  };
  return (
    <Frame title="Sign in" lead="With the account of an administrator.">
      <form onSubmit={submit}>
        <Stack>
          {session.setupNeeded && (
            <Alert color="blue" icon={<IconInfoCircle aria-hidden />} title="No administrator exists yet">
              <Text size="sm">Open the one-time link that the server printed when it started, or run on the server:</Text>
              <Code block mt="xs" fz="xs">lockstep admin create --username NAME</Code>
            </Alert>
          )}
          {signIn.error && <Failed error={signIn.error} title="You are not signed in" />}
          <TextInput label="Username" autoComplete="username" required value={username} onChange={(e) => setUsername(e.currentTarget.value)} autoFocus withAsterisk={false} />
          <PasswordInput label="Password" autoComplete="current-password" required value={password} onChange={(e) => setPassword(e.currentTarget.value)} withAsterisk={false} visibilityToggleButtonProps={{ 'aria-label': 'Show the password' }} />
          <Button type="submit" loading={signIn.isPending} mt="xs">Sign in</Button>
        </Stack>
      </form>
    </Frame>
  );
}

/** The first start: the link's token stands behind #, and is taken out of the address at once. */
export function SetUp() {
  const { session, reload } = useSession();
  const [token] = useState(() => window.location.hash.slice(1));
  const [username, setUsername] = useState('');
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [again, setAgain] = useState('');
  useEffect(() => {
    if (window.location.hash) window.history.replaceState(null, '', window.location.pathname);
  }, []);
  const create = useMutation({ mutationFn: () => send('/v1/setup', { method: 'POST', json: { token, username, name, password } }), onSuccess: reload });
  const error = create.error instanceof ApiError ? create.error : undefined;
  if (!session.setupNeeded) {
    return (
      <Frame title="Lockstep is set up">
        <Text size="sm">There is an administrator already, so this link is of no use any more.</Text>
        <Anchor component={Link} to="/" size="sm" mt="md" display="inline-block">Sign in</Anchor>
      </Frame>
    );
  }
  return (
    <Frame title="Welcome to Lockstep" lead="Create the first administrator. You can add others later under Settings.">
      <form onSubmit={(e) => { e.preventDefault(); if (password === again) create.mutate(); }}>
        <Stack>
          {create.error && error?.details.length === 0 && <Failed error={create.error} title="The administrator was not created" />}
          <TextInput label="Username" autoComplete="username" required value={username} onChange={(e) => setUsername(e.currentTarget.value)} error={error?.at('username')} autoFocus />
          <TextInput label="Your name" autoComplete="name" value={name} onChange={(e) => setName(e.currentTarget.value)} error={error?.at('name')} />
          <PasswordInput label="Password" description="At least 8 characters. A sentence is easy to remember and hard to guess." autoComplete="new-password" required value={password} onChange={(e) => setPassword(e.currentTarget.value)} error={error?.at('password')} visibilityToggleButtonProps={{ 'aria-label': 'Show the password' }} />
          <PasswordInput label="Password again" autoComplete="new-password" required value={again} onChange={(e) => setAgain(e.currentTarget.value)} error={again && again !== password ? 'This is not the same password.' : undefined} visibilityToggleButtonProps={{ 'aria-label': 'Show the password' }} />
          <Button type="submit" loading={create.isPending} mt="xs">Create and sign in</Button>
        </Stack>
      </form>
    </Frame>
  );
}
