import type { ReactNode } from "react";
import classes from "./Notice.module.css";

/** A short word to the reader in place: what is so, and (as children) what can be done. */
export function Notice(props: {
  title?: string;
  text?: string;
  tone?: "plain" | "warn" | "bad";
  role?: "alert" | "status";
  children?: ReactNode;
}) {
  return (
    <div className={classes.notice} data-tone={props.tone ?? "plain"} role={props.role}>
      {props.title && <p className={classes.title}>{props.title}</p>}
      {props.text && <p className={classes.text}>{props.text}</p>}
      {props.children && <div className={classes.more}>{props.children}</div>}
    </div>
  );
}
