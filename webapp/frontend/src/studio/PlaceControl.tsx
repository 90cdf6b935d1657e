import { type KeyboardEvent, useId, useRef } from "react";
import { useLanguage } from "../i18n";
import type { ControlProps } from "./controls";
import classes from "./FieldControl.module.css";
import { optionLabel } from "./options";
import { type PlaceField, places } from "./schema";

const steps: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** The nine places of an image as they lie on it; the arrow keys go from one to the next. */
export function PlaceControl({ field, value, testId, onChange }: ControlProps<PlaceField>) {
  const id = useId();
  const [language] = useLanguage();
  const grid = useRef<HTMLDivElement>(null);
  const chosen = Math.max(0, places.indexOf(String(value)));
  const onKeyDown = (event: KeyboardEvent) => {
    const step = steps[event.key];
    if (step === undefined || event.altKey) return;
    event.preventDefault();
    const column = Math.min(2, Math.max(0, (chosen % 3) + step[0]));
    const row = Math.min(2, Math.max(0, Math.floor(chosen / 3) + step[1]));
    onChange(places[3 * row + column]);
    (grid.current?.children[3 * row + column] as HTMLElement | undefined)?.focus();
  };
  return (
    <div className={classes.row}>
      <span id={id} className={classes.label} title={field.help?.[language]}>
        {field.label[language]}
      </span>
      <div className={classes.place}>
        <span className={classes.placeName} aria-hidden="true">
          {optionLabel(places[chosen] as string, language)}
        </span>
        <div
          ref={grid}
          role="radiogroup"
          aria-labelledby={id}
          className={classes.grid}
          data-testid={testId}
          onKeyDown={onKeyDown}
        >
          {places.map((place, index) => (
            <button
              key={place}
              type="button"
              role="radio"
              className={classes.cell}
              aria-checked={index === chosen}
              aria-label={optionLabel(place, language)}
              title={optionLabel(place, language)}
              tabIndex={index === chosen ? 0 : -1}
              data-place={place}
              onClick={() => onChange(place)}
            />
          ))}
        </div>
      </div>
    </div>
  );
}
