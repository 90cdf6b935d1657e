import { Textarea, TextInput } from "@mantine/core";
import { useLanguage } from "../i18n";
import type { ControlProps } from "./controls";
import classes from "./FieldControl.module.css";
import type { TextField } from "./schema";

const manyRows = /\s*;\s*/g;
/** Up to here a text has its place beside its label, as numbers have. */
const short = 20;
/** From here on a text is likely to have several lines. */
const long = 120;

/** A text: one line, several lines, or rows of numbers, which stand below each other. */
export function TextControl({ field, value, testId, onChange }: ControlProps<TextField>) {
  const [language] = useLanguage();
  const text = String(value);
  const common = {
    size: "xs",
    label: field.label[language],
    labelProps: { className: classes.textLabel, title: field.help?.[language] },
    maxLength: field.maxLength ?? undefined,
    "data-testid": testId,
  } as const;
  if (!field.rows && field.maxLength !== null && field.maxLength <= short)
    return (
      <TextInput
        {...common}
        classNames={{ root: classes.row, wrapper: classes.number }}
        labelProps={{ ...common.labelProps, className: classes.besideLabel }}
        value={text}
        onChange={(event) => onChange(event.target.value)}
      />
    );
  if (!field.rows && (field.maxLength ?? 0) < long)
    return <TextInput {...common} value={text} onChange={(event) => onChange(event.target.value)} />;
  const shown = field.rows ? text.replaceAll(manyRows, "\n") : text;
  return (
    <Textarea
      {...common}
      rows={Math.min(8, Math.max(field.rows ? 3 : 1, shown.split("\n").length))}
      spellCheck={field.rows ? false : undefined}
      classNames={field.rows ? { input: classes.rows } : undefined}
      value={shown}
      onChange={(event) => {
        const next = event.target.value;
        onChange(field.rows ? next.replaceAll("\n", "; ") : next);
      }}
    />
  );
}
