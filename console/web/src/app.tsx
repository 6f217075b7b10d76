import { Button, Center, Stack } from '@mantine/core';
import { lazy, Suspense, useMemo, type ReactNode } from 'react';
import { BrowserRouter, Link, Navigate, Route, Routes } from 'react-router';
import { Live } from './live';
import { Enter, SetUp } from './pages/enter';
import { baseOf, settle } from './place';
import { SessionProvider, useMay, useSession } from './session';
import { Shell } from './shell';
import { useKeptFocus } from './ui/keepfocus';
import { Empty, Failed, PageHead, PageLoader } from './ui/parts';
import { environmentTexts } from './text';

const Overview = lazy(() => import('./pages/overview'));
const Users = lazy(() => import('./pages/users'));
const UserPage = lazy(() => import('./pages/user'));
const Groups = lazy(() => import('./pages/groups'));
const GroupPage = lazy(() => import('./pages/group'));
const Populations = lazy(() => import('./pages/populations'));
const Attributes = lazy(() => import('./pages/attributes'));
const Provisioning = lazy(() => import('./pages/provisioning'));
const NewConnection = lazy(() => import('./pages/newconnection'));
const ConnectionPage = lazy(() => import('./pages/connection'));
const NewRule = lazy(() => import('./pages/newrule'));
const RulePage = lazy(() => import('./pages/rule'));
const Consent = lazy(() => import('./pages/consent'));
const Decisions = lazy(() => import('./pages/decisions'));
const Activity = lazy(() => import('./pages/activity'));
const Settings = lazy(() => import('./pages/settings'));
const Profile = lazy(() => import('./pages/profile'));

export function App() {
  useKeptFocus();
  return (
    <SessionProvider
      loading={<PageLoader />}
      failed={(error, again) => (
        <Center mih="100vh" p="md">
          <Stack maw={460}>
            <Failed error={error} again={again} title="The server does not answer" />
          </Stack>
        </Center>
      )}
    >
      <Placed />
    </SessionProvider>
  );
}

/** The pages below the address of their environment. It is settled once for whoever signs in: what is open stays open when there come to be more. */
function Placed() {
  const { session } = useSession();
  const who = session.administrator?.id;
  const base = useMemo(() => settle({ ...session, environment: session.own }), [who]); // eslint-disable-line
  return <BrowserRouter key={base} basename={base}><Signed /></BrowserRouter>;
}

function Signed() {
  const { session } = useSession();
  if (!session.administrator) {
    return (
      <Routes>
        <Route path="/setup" element={<SetUp />} />
        <Route path="*" element={<Enter />} />
      </Routes>
    );
  }
  if (!session.environment) return <Outside />;
  return (
    <Live key={session.environment.id}>
      <Shell>
        <Suspense fallback={<PageLoader />}>
          <Routes>
            <Route path="/" element={<Overview />} />
            <Route path="/setup" element={<Navigate to="/" replace />} />
            <Route path="/directory" element={<Navigate to="/directory/users" replace />} />
            <Route path="/directory/users" element={<Users />} />
            <Route path="/directory/users/:id" element={<UserPage />} />
            <Route path="/directory/users/:id/:tab" element={<UserPage />} />
            <Route path="/directory/groups" element={<Groups />} />
            <Route path="/directory/groups/:id" element={<GroupPage />} />
            <Route path="/directory/groups/:id/:tab" element={<GroupPage />} />
            <Route path="/directory/populations" element={<Populations />} />
            <Route path="/directory/attributes" element={<Attributes />} />
            <Route path="/integrations" element={<Navigate to="/integrations/provisioning" replace />} />
            <Route path="/integrations/provisioning" element={<Navigate to="/integrations/provisioning/connections" replace />} />
            <Route path="/integrations/provisioning/connections" element={<Provisioning tab="connections" />} />
            <Route path="/integrations/provisioning/rules" element={<Provisioning tab="rules" />} />
            <Route path="/integrations/provisioning/connections/new" element={<Writes><NewConnection /></Writes>} />
            <Route path="/oauth/slack" element={<Writes><Consent /></Writes>} />
            <Route path="/integrations/provisioning/connections/:id" element={<ConnectionPage />} />
            <Route path="/integrations/provisioning/connections/:id/:tab" element={<ConnectionPage />} />
            <Route path="/integrations/provisioning/rules/new" element={<Writes><NewRule /></Writes>} />
            <Route path="/integrations/provisioning/rules/:id/setup/:step" element={<Writes><NewRule /></Writes>} />
            <Route path="/integrations/provisioning/rules/:id" element={<RulePage />} />
            <Route path="/integrations/provisioning/rules/:id/:tab" element={<RulePage />} />
            <Route path="/decisions" element={<Decisions />} />
            <Route path="/activity" element={<Activity />} />
            <Route path="/settings" element={<Navigate to="/settings/environment" replace />} />
            <Route path="/settings/:tab" element={<Settings />} />
            <Route path="/profile" element={<Profile />} />
            <Route path="*" element={<><PageHead title="Not found" /><Empty title="There is no such page" action={<Button component={Link} to="/">Go to the overview</Button>}>The address may be mistyped, or what it showed is gone.</Empty></>} />
          </Routes>
        </Suspense>
      </Shell>
    </Live>
  );
}

/** An address of an environment in which whoever is signed in has no role. */
function Outside() {
  const { session } = useSession();
  return (
    <Center mih="100vh" p="md" component="main">
      <Stack gap={0}>
        <PageHead title={environmentTexts.outside} />
        <Empty title={`You are signed in as ${session.administrator?.username}`} action={<Button component="a" href={baseOf(session.own?.id) + '/'}>Open {session.own?.name}</Button>}>{environmentTexts.outsideHelp}</Empty>
      </Stack>
    </Center>
  );
}

/** A page that only changes provisioning is of no use to whoever may not. */
function Writes({ children }: { children: ReactNode }) {
  if (useMay().editAll) return children;
  return <><PageHead title="Not allowed" /><Empty title="Your role does not allow this">An Environment Admin can do it, or give you that role under Settings.</Empty></>;
}
