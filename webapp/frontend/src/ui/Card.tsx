import { type ReactNode, useEffect, useId } from "react";
import classes from "./Card.module.css";

/** A titled surface; `actions` stand at the right of the title. */
export function Card(props: {
  title: string;
  aside?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  testId?: string;
}) {
  const id = useId();
  return (
    <section className={classes.card} aria-labelledby={id} data-testid={props.testId}>
      <div className={classes.head}>
        <h2 id={id} className={classes.title}>
          {props.title}
        </h2>
        {props.aside && <span className={classes.aside}>{props.aside}</span>}
        {props.actions && <div className={classes.actions}>{props.actions}</div>}
      </div>
      {props.children}
    </section>
  );
}

export function PageHead({ title, subtitle, children }: { title: string; subtitle: string; children?: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Cúmulo`;
  }, [title]);
  return (
    <div className={classes.page}>
      <div>
        <h1 className={classes.pageTitle}>{title}</h1>
        <p className={classes.pageSubtitle}>{subtitle}</p>
      </div>
      {children}
    </div>
  );
}
