import { ThemeIcon } from '@mantine/core';
import { IconAddressBook, IconBrandGithub, IconBrandSlack, IconPlug } from '@tabler/icons-react';

/** The picture of a type of connection. */
export function StoreIcon({ type, size = 34 }: { type: string; size?: number }) {
  const Icon = { Slack: IconBrandSlack, GitHubEMU: IconBrandGithub, directory: IconAddressBook }[type] ?? IconPlug;
  const color = { Slack: 'grape', GitHubEMU: 'dark', directory: 'lagoon' }[type] ?? 'gray';
  return (
    <ThemeIcon variant="light" color={color} size={size} radius="md" aria-hidden>
      <Icon size={size * 0.6} stroke={1.6} />
    </ThemeIcon>
  );
}
