import { Button, Group, PasswordInput, SimpleGrid, Stack, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { ApiError, get, put } from '../api';
import { done, useAct } from '../data';
import { useSession } from '../session';
import { time } from '../text';
import type { Administrator } from '../types';
import { Facts, Failed, PageHead, Section } from '../ui/parts';

export default function Profile() {
  const client = useQueryClient();
  const { session } = useSession();
  const me = useQuery({ queryKey: ['profile'], queryFn: ({ signal }) => get<Administrator>('/profile', signal) });
  const [name, setName] = useState(session.administrator?.name ?? '');
  useEffect(() => setName(session.administrator?.name ?? ''), [session.administrator?.name]);
  const rename = useAct(() => put('/profile', { name }).then(() => { done('Your name is saved.'); return client.invalidateQueries({ queryKey: ['session'] }); }), [['profile']]);
  const [p, setP] = useState({ current: '', next: '', again: '' });
  const change = useAct(() => put('/profile/password', { currentPassword: p.current, newPassword: p.next }).then(() => { setP({ current: '', next: '', again: '' }); done('Your password is changed. Other sessions of yours have ended.'); }), []);
  const renameError = rename.error instanceof ApiError ? rename.error : undefined;
  const error = change.error instanceof ApiError ? change.error : undefined;
  const show = { 'aria-label': 'Show the password' };
  return (
    <>
      <PageHead title="Profile" />
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        <Section title="You">
          <Stack>
            <Facts of={[['Username', session.administrator?.username], ['Role', session.administrator?.role], ['Last sign-on', time(me.data?.lastSignOnAt)]]} />
            <form onSubmit={(e) => { e.preventDefault(); rename.mutate(undefined); }}>
              <Stack>
                <TextInput label="Name" value={name} onChange={(e) => setName(e.currentTarget.value)} error={renameError?.at('name')} autoComplete="name" />
                {rename.error && !renameError?.at('name') && <Failed error={rename.error} title="It was not saved" />}
                <Group justify="flex-end"><Button type="submit" loading={rename.isPending} disabled={name === (session.administrator?.name ?? '')}>Save</Button></Group>
              </Stack>
            </form>
          </Stack>
        </Section>
        <Section title="Password">
          <form onSubmit={(e) => { e.preventDefault(); if (p.next === p.again) change.mutate(undefined); }}>
            <Stack>
              <input type="text" hidden autoComplete="username" readOnly value={session.administrator?.username ?? ''} aria-hidden />
              <PasswordInput label="Current password" required autoComplete="current-password" value={p.current} onChange={(e) => setP({ ...p, current: e.currentTarget.value })} error={error?.at('currentPassword')} visibilityToggleButtonProps={show} />
              <PasswordInput label="New password" required autoComplete="new-password" description="At least 8 characters." value={p.next} onChange={(e) => setP({ ...p, next: e.currentTarget.value })} error={error?.at('newPassword', 'password')} visibilityToggleButtonProps={show} />
              <PasswordInput label="New password again" required autoComplete="new-password" value={p.again} onChange={(e) => setP({ ...p, again: e.currentTarget.value })} error={p.again && p.again !== p.next ? 'This is not the same password.' : undefined} visibilityToggleButtonProps={show} />
              {change.error && !error?.details.length && <Failed error={change.error} title="The password was not changed" />}
              <Group justify="flex-end"><Button type="submit" loading={change.isPending}>Change password</Button></Group>
            </Stack>
          </form>
        </Section>
      </SimpleGrid>
    </>
  );
}
