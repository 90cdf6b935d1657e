import { NativeSelect, Switch } from "@mantine/core";
import { useId } from "react";
import { useLanguage } from "../i18n";
import { AssetControl } from "./AssetControl";
import { ColourControl } from "./ColourControl";
import type { ControlProps } from "./controls";
import classes from "./FieldControl.module.css";
import { LengthControl, NumberControl } from "./NumberControl";
import { optionLabel } from "./options";
import { PlaceControl } from "./PlaceControl";
import type { Field } from "./schema";
import { TextControl } from "./TextControl";

/** The control that fits a parameter, with its label and what the schema says of it. */
export function FieldControl({ field, value, testId, onChange }: ControlProps<Field>) {
  const id = useId();
  const [language] = useLanguage();
  const label = field.label[language];
  switch (field.kind) {
    case "number": {
      const Control = field.relative ? LengthControl : NumberControl;
      return <Control field={field} value={value} testId={testId} onChange={onChange} />;
    }
    case "colour":
      return <ColourControl field={field} value={value} testId={testId} onChange={onChange} />;
    case "place":
      return <PlaceControl field={field} value={value} testId={testId} onChange={onChange} />;
    case "asset":
      return <AssetControl field={field} value={value} testId={testId} onChange={onChange} />;
    case "choice":
      return (
        <div className={classes.row}>
          <label htmlFor={id} className={classes.label} title={field.help?.[language]}>
            {label}
          </label>
          <NativeSelect
            id={id}
            size="xs"
            data-testid={testId}
            value={String(value)}
            data={field.options.map((option) => ({ value: String(option), label: optionLabel(String(option), language) }))}
            onChange={(event) => onChange(field.options.find((option) => String(option) === event.target.value))}
          />
        </div>
      );
    case "switch":
      return (
        <Switch
          size="sm"
          labelPosition="left"
          classNames={{ body: classes.switchBody, label: classes.label }}
          label={label}
          data-testid={testId}
          checked={value === true}
          onChange={(event) => onChange(event.target.checked)}
        />
      );
    case "text":
      return <TextControl field={field} value={value} testId={testId} onChange={onChange} />;
  }
}
