import type { Field } from "./schema";

/** What every control of a form gets. */
export interface ControlProps<F extends Field> {
  field: F;
  value: unknown;
  testId: string;
  onChange: (value: unknown) => void;
}
