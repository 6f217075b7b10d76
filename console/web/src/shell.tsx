import { ActionIcon, AppShell, Avatar, Box, Burger, Group, Menu, NavLink, Paper, ScrollArea, Text, Tooltip, UnstyledButton, useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconActivity, IconArrowsExchange, IconGavel, IconLayoutDashboard, IconLogout, IconMoon, IconPlugConnectedX, IconSettings, IconSun, IconUser, IconUserCircle, IconUsers } from '@tabler/icons-react';
import { useEffect, type ReactNode } from 'react';
import { Link, useLocation, useNavigate } from 'react-router';
import { send } from './api';
import { fail } from './data';
import { useConnected } from './live';
import { useSession } from './session';
import { Boundary } from './ui/boundary';
import { EnvironmentMenu } from './ui/environmentmenu';

interface Place { label: string; to?: string; icon?: typeof IconUsers; below?: Place[] }

const places: Place[] = [
  { label: 'Overview', to: '/', icon: IconLayoutDashboard },
  { label: 'Directory', icon: IconUsers, below: [{ label: 'Users', to: '/directory/users' }, { label: 'Groups', to: '/directory/groups' }, { label: 'Populations', to: '/directory/populations' }, { label: 'Attributes', to: '/directory/attributes' }] },
  { label: 'Integrations', icon: IconArrowsExchange, below: [{ label: 'Provisioning', to: '/integrations/provisioning' }] },
  { label: 'Decisions', to: '/decisions', icon: IconGavel },
  { label: 'Activity', to: '/activity', icon: IconActivity },
  { label: 'Settings', to: '/settings', icon: IconSettings },
];

/** short: where there is little room, the sign alone. */
export function Logo({ short }: { short?: boolean }) {
  return (
    <Group gap={10} wrap="nowrap">
      <img src="/console/icon.svg" width={28} height={28} alt="" />
      <Text fw={700} fz={17} lts={-0.2} visibleFrom={short ? 'xs' : undefined}>Lockstep</Text>
    </Group>
  );
}

export function SchemeSwitch() {
  const scheme = useComputedColorScheme('light');
  const { setColorScheme } = useMantineColorScheme();
  const label = scheme === 'dark' ? 'Use light colours' : 'Use dark colours';
  return (
    <Tooltip label={label}>
      <ActionIcon variant="subtle" color="gray" size="lg" aria-label={label} onClick={() => setColorScheme(scheme === 'dark' ? 'light' : 'dark')}>
        {scheme === 'dark' ? <IconSun size={19} /> : <IconMoon size={19} />}
      </ActionIcon>
    </Tooltip>
  );
}

export function Shell({ children }: { children: ReactNode }) {
  const [opened, { toggle, close }] = useDisclosure();
  const { pathname } = useLocation();
  useEffect(() => {
    close();
    window.scrollTo(0, 0);
  }, [pathname]); // eslint-disable-line
  const { session } = useSession();
  const connected = useConnected();
  const isHere = (to: string) => (to === '/' ? pathname === '/' : pathname === to || pathname.startsWith(to + '/'));
  return (
    <AppShell header={{ height: 56 }} navbar={{ width: 232, breakpoint: 'sm', collapsed: { mobile: !opened } }} padding={{ base: 'md', md: 'xl' }}>
      <a className="skip" href="#main">Skip to the content</a>
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap">
            <Burger opened={opened} onClick={toggle} hiddenFrom="sm" size="sm" aria-label={opened ? 'Close the menu' : 'Open the menu'} />
            <Link to="/" aria-label="Lockstep, overview" style={{ textDecoration: 'none', color: 'inherit' }}><Logo short={(session.environments?.length ?? 0) > 1} /></Link>
            <EnvironmentMenu />
          </Group>
          <Group gap={4} wrap="nowrap">
            <SchemeSwitch />
            <Account />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="sm" aria-label="Main">
        <AppShell.Section grow component={ScrollArea}>
          {places.map((p) =>
            p.below ? (
              <Box key={p.label} mt="sm">
                <Group gap={10} px={10} py={6} c="dimmed">
                  {p.icon && <p.icon size={17} stroke={1.7} aria-hidden />}
                  <Text size="xs" fw={650}>{p.label}</Text>
                </Group>
                {p.below.map((b) => (
                  <NavLink key={b.to} component={Link} to={b.to!} label={b.label} active={isHere(b.to!)} aria-current={isHere(b.to!) ? 'page' : undefined} className="nav-link" pl={37} py={7} />
                ))}
              </Box>
            ) : (
              <NavLink
                key={p.label} component={Link} to={p.to!} label={p.label} active={isHere(p.to!)} aria-current={isHere(p.to!) ? 'page' : undefined} className="nav-link" mt={p.to === '/' ? 0 : 'sm'} py={8} px={10}
                leftSection={p.icon && <p.icon size={17} stroke={1.7} aria-hidden />}
              />
            ),
          )}
        </AppShell.Section>
        <AppShell.Section>
          <Text size="xs" c="dimmed" px={10} py={4}>Lockstep {session.version}</Text>
        </AppShell.Section>
      </AppShell.Navbar>
      <AppShell.Main className="shell-main" id="main" tabIndex={-1} style={{ outline: 'none' }}>
        <div role="status">
          {!connected && (
            <Paper className="reconnecting" shadow="md" radius="xl" px="md" py={6}>
              <IconPlugConnectedX size={16} aria-hidden />
              <Text size="sm" fw={550}>Reconnecting. What is shown may be old.</Text>
            </Paper>
          )}
        </div>
        <Box maw={1240} mx="auto"><Boundary place={pathname}>{children}</Boundary></Box>
      </AppShell.Main>
    </AppShell>
  );
}

function Account() {
  const { session, reload } = useSession();
  const navigate = useNavigate();
  const who = session.administrator!;
  const name = who.name || who.username;
  const signOut = async () => {
    try {
      await send('/v1/session', { method: 'DELETE' });
      await reload(); // drops what was read, and asks who is signed in: nobody
      void navigate('/');
    } catch (error) {
      fail('Signing out did not work', error);
    }
  };
  return (
    <Menu position="bottom-end" width={240}>
      <Menu.Target>
        <UnstyledButton aria-label={`Account of ${name}`} px={4} py={2}>
          <Avatar color="lagoon" size={32} radius="xl" variant="filled"><IconUser size={18} stroke={1.8} /></Avatar>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Box px="sm" py={6}>
          <Text size="sm" fw={600} className="wrap">{name}</Text>
          <Text size="xs" c="dimmed">{who.role}</Text>
        </Box>
        <Menu.Divider />
        <Menu.Item leftSection={<IconUserCircle size={16} />} component={Link} to="/profile">Profile</Menu.Item>
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void signOut()}>Sign out</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

export const initials = (name: string) => name.split(/[\s.@_-]+/).filter(Boolean).slice(0, 2).map((p) => p[0].toUpperCase()).join('');
