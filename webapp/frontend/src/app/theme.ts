import {
  Button,
  type CSSVariablesResolver,
  createTheme,
  localStorageColorSchemeManager,
  type MantineColorsTuple,
} from "@mantine/core";

/** The one accent. */
const accent: MantineColorsTuple = [
  "#eef0fe",
  "#dfe3fc",
  "#bcc4f7",
  "#98a4f2",
  "#7c89ed",
  "#5865df",
  "#4353d6",
  "#3745b8",
  "#2d3997",
  "#242e78",
];

/** Mantine's ten dark shades: text first, then lines, surfaces and the page. */
const dark: MantineColorsTuple = [
  "#e7e9ee",
  "#c6cad3",
  "#9ca3b0",
  "#757d8b",
  "#343a45",
  "#282d36",
  "#1a1e25",
  "#15181e",
  "#0e1014",
  "#090a0d",
];

export const theme = createTheme({
  primaryColor: "accent",
  primaryShade: { light: 6, dark: 5 },
  colors: { accent, dark },
  defaultRadius: "md",
  cursorType: "pointer",
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace',
  components: {
    Button: Button.extend({
      styles: (_, props) => ({ root: { fontWeight: (props.variant ?? "filled") === "filled" ? 600 : 500 } }),
    }),
  },
  headings: { fontWeight: "600", sizes: { h1: { fontSize: "1.375rem" }, h2: { fontSize: "0.9375rem" } } },
});

/** Mantine's dimmed grey is under the contrast of 4.5 that small text needs. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-text": "#15181e",
    "--mantine-color-dimmed": "#5c6470",
    "--page": "#f6f7f9",
    "--surface": "#ffffff",
    "--surface-sunken": "#f1f3f6",
    "--line": "#e3e6eb",
    "--line-strong": "#cbd1da",
    "--bad": "#c02033",
    "--bad-soft": "#fdf0f1",
    "--good": "#17804b",
    "--warn-soft": "#fff7e0",
    "--warn": "#7c5400",
  },
  dark: {
    "--mantine-color-dimmed": "#9ca3b0",
    "--page": "#0e1014",
    "--surface": "#15181e",
    "--surface-sunken": "#1c2028",
    "--line": "#272c35",
    "--line-strong": "#3a414d",
    "--bad": "#ff8088",
    "--bad-soft": "#2b171b",
    "--good": "#4cc38a",
    "--warn-soft": "#2b2412",
    "--warn": "#f2c55c",
  },
});

/** The key is the one that public/scheme.js reads before the first paint. */
export const schemeManager = localStorageColorSchemeManager({ key: "cumulo.scheme" });
