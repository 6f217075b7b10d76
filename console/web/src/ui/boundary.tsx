import { Button, Center, Group, Stack, Text, Title } from '@mantine/core';
import { Component, type ErrorInfo, type ReactNode } from 'react';

/** What is shown instead of a page that broke; the rest of the console stays. A new page, or trying again, starts afresh. */
export class Boundary extends Component<{ children: ReactNode; place: string }, { error?: Error; place: string }> {
  state: { error?: Error; place: string } = { place: this.props.place };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  static getDerivedStateFromProps(props: { place: string }, state: { error?: Error; place: string }) {
    return props.place === state.place ? null : { error: undefined, place: props.place };
  }

  componentDidCatch(error: Error, info: ErrorInfo) {
    console.error(error, info.componentStack);
  }

  render() {
    if (!this.state.error) return this.props.children;
    // After an update of the server the page's older parts are gone: loading it again brings the new ones.
    const old = /dynamically imported module|Importing a module script failed|error loading/i.test(this.state.error.message);
    return (
      <Center py={80} role="alert">
        <Stack align="center" maw={460} ta="center" gap="xs">
          <Title order={2}>{old ? 'The console was updated' : 'This page broke'}</Title>
          <Text size="sm" c="dimmed">{old ? 'Load the page again to go on.' : 'Nothing that you saved is lost. Try again; if it happens once more, please report what you did.'}</Text>
          <Group mt="sm">
            <Button onClick={() => window.location.reload()}>Load again</Button>
            {!old && <Button variant="default" onClick={() => this.setState({ error: undefined })}>Try again</Button>}
          </Group>
        </Stack>
      </Center>
    );
  }
}
