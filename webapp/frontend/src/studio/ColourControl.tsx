import { ColorPicker, ColorSwatch, Popover, TextInput, UnstyledButton } from "@mantine/core";
import { useEffect, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { useLanguage } from "../i18n";
import type { ControlProps } from "./controls";
import classes from "./FieldControl.module.css";
import type { ColourField } from "./schema";

const swatches = ["#ffffff", "#adb5bd", "#343a40", "#000000", "#e03131", "#f08c00", "#2f9e44", "#1971c2", "#6741d9"];
const transparent = "#00000000";

/** The colour as the API has it, or null while it is being typed; an opaque one has no alpha. */
export function asSent(text: string): string | null {
  const colour = text.trim().toLowerCase();
  if (!/^#([0-9a-f]{6}|[0-9a-f]{8})$/.test(colour)) return null;
  return colour.length === 9 && colour.endsWith("ff") ? colour.slice(0, 7) : colour;
}

/** A colour to type or to pick. Not Mantine's ColorInput: its picker has no names and takes no keys. */
export function ColourControl({ field, value, testId, onChange }: ControlProps<ColourField>) {
  const { t } = useTranslation();
  const id = useId();
  const [language] = useLanguage();
  const label = field.label[language];
  const colour = String(value);
  const [text, setText] = useState(colour);
  const [open, setOpen] = useState(false);
  useEffect(() => setText(colour), [colour]);
  const change = (next: string) => {
    const sent = asSent(next);
    const allowed = sent !== null && (field.alpha || sent.length === 7);
    setText(allowed ? sent : next);
    if (allowed) onChange(sent);
  };
  return (
    <div className={classes.row}>
      <label htmlFor={id} className={classes.label} title={field.help?.[language]}>
        {label}
      </label>
      <Popover
        opened={open}
        onChange={setOpen}
        position="bottom-start"
        middlewares={{ flip: { crossAxis: false, flipAlignment: false }, shift: true }}
        shadow="md"
        withinPortal={false}
      >
        <TextInput
          id={id}
          size="xs"
          className={classes.colour}
          data-testid={testId}
          spellCheck={false}
          leftSection={
            <Popover.Target>
              <UnstyledButton
                className={classes.colourButton}
                aria-label={t("studio.field.pick", { name: label })}
                onClick={() => setOpen(!open)}
              >
                <ColorSwatch color={colour} size={18} component="span" />
              </UnstyledButton>
            </Popover.Target>
          }
          value={text}
          onChange={(event) => change(event.target.value)}
          onBlur={() => setText(colour)}
        />
        <Popover.Dropdown p="xs">
          <ColorPicker
            size="sm"
            format={field.alpha ? "hexa" : "hex"}
            saturationLabel={t("studio.field.saturation")}
            hueLabel={t("studio.field.hue")}
            alphaLabel={t("studio.field.alpha")}
            swatches={field.alpha ? [...swatches, transparent] : swatches}
            swatchesPerRow={10}
            value={colour}
            onChange={change}
          />
        </Popover.Dropdown>
      </Popover>
    </div>
  );
}
