import { type ReactNode, useState } from "react";
import { PhotosIcon } from "./icons";
import classes from "./Picture.module.css";

/**
 * An image that fills its box; where the browser cannot show it (a TIFF, a damaged file), words instead.
 *
 * :param fallback: what stands there then.
 */
export function Picture(props: {
  src: string | null;
  alt: string;
  fallback: ReactNode;
  fit?: "cover" | "contain";
  eager?: boolean;
}) {
  const [failed, setFailed] = useState<string | null>(null);
  if (props.src === null || failed === props.src) {
    return (
      <span className={classes.fallback}>
        <PhotosIcon size={22} strokeWidth={1.4} />
        <span className={classes.text}>{props.fallback}</span>
      </span>
    );
  }
  return (
    <img
      key={props.src}
      className={classes.image}
      data-fit={props.fit ?? "cover"}
      src={props.src}
      alt={props.alt}
      loading={props.eager ? "eager" : "lazy"}
      decoding="async"
      draggable={false}
      onError={() => setFailed(props.src)}
    />
  );
}
