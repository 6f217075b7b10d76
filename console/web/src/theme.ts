import { createTheme, defaultVariantColorsResolver, type CSSVariablesResolver, type MantineColorsTuple, type VariantColorsResolver } from '@mantine/core';

const lagoon: MantineColorsTuple = ['#e6f7fa', '#d3edf2', '#a8dbe4', '#79c7d5', '#52b5c7', '#2f9fb4', '#17879d', '#0b7285', '#075f70', '#044a58'];

// Mantine's own light, subtle and outline variants put shade 6 on a tint of itself, which is too faint to read (WCAG 1.4.3).
const variantColorResolver: VariantColorsResolver = (input) => {
  const colors = defaultVariantColorsResolver(input);
  const name = input.color ?? input.theme.primaryColor;
  if (['light', 'subtle', 'outline', 'transparent'].includes(input.variant) && name in input.theme.colors) {
    return { ...colors, color: `light-dark(var(--mantine-color-${name}-9), var(--mantine-color-${name}-2))` };
  }
  return colors;
};

export const theme = createTheme({
  primaryColor: 'lagoon',
  primaryShade: { light: 7, dark: 7 },
  colors: { lagoon },
  fontFamily: 'Inter, ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, "JetBrains Mono", Menlo, Consolas, monospace',
  headings: { fontWeight: '650', sizes: { h1: { fontSize: '1.5rem', lineHeight: '1.3' }, h2: { fontSize: '1.125rem', lineHeight: '1.4' }, h3: { fontSize: '1rem', lineHeight: '1.4' } } },
  defaultRadius: 'md',
  cursorType: 'pointer',
  autoContrast: true,
  respectReducedMotion: true,
  variantColorResolver,
  components: {
    Table: { defaultProps: { verticalSpacing: 'xs', horizontalSpacing: 'md', highlightOnHover: true } },
    Modal: { defaultProps: { centered: true, closeButtonProps: { 'aria-label': 'Close' } } },
    Drawer: { defaultProps: { closeButtonProps: { 'aria-label': 'Close' } } },
    Tooltip: { defaultProps: { withArrow: true, openDelay: 300 } },
    Paper: { defaultProps: { withBorder: true } },
    Card: { defaultProps: { withBorder: true, padding: 'lg' } },
  },
});

export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-dimmed': '#4f5862',
    '--mantine-color-placeholder': '#646e79',
    '--mantine-color-error': '#b42318',
    '--mantine-color-anchor': '#075f70',
    '--mantine-color-body': '#ffffff',
    '--page': '#f6f8fa',
    '--line': '#e1e6eb',
  },
  dark: {
    '--mantine-color-dimmed': '#a9b1ba',
    '--mantine-color-placeholder': '#98a1ab',
    '--mantine-color-error': '#ff9b93',
    '--mantine-color-anchor': '#79c7d5',
    '--mantine-color-body': '#181b20',
    '--mantine-color-text': '#dfe3e8',
    '--page': '#111317',
    '--line': '#2c3138',
    '--mantine-color-default-border': '#3a4049',
  },
});
