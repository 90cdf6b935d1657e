import { Button } from "@mantine/core";
import { type ChangeEvent, useRef } from "react";
import { useTranslation } from "react-i18next";
import { useLanguage } from "../i18n";
import { PhotosIcon, PlusIcon } from "../ui/icons";
import { limit } from "../ui/format";
import classes from "./DropZone.module.css";

const formats = "JPEG, PNG, WebP, GIF, TIFF, BMP, AVIF, HEIC";

export function DropZone(props: {
  /** One line, once there is something else to look at. */
  compact: boolean;
  dragging: boolean;
  maxBytes: number | null;
  onFiles: (files: File[]) => void;
}) {
  const { t } = useTranslation();
  const [language] = useLanguage();
  const input = useRef<HTMLInputElement>(null);

  const pick = (event: ChangeEvent<HTMLInputElement>) => {
    props.onFiles([...(event.target.files ?? [])]);
    // So that picking the same file again is a change again.
    event.target.value = "";
  };
  const button = (
    <Button
      variant={props.compact ? "default" : "filled"}
      size={props.compact ? "xs" : "sm"}
      leftSection={<PlusIcon size={16} />}
      onClick={() => input.current?.click()}
    >
      {t("studio.drop.choose")}
    </Button>
  );
  return (
    <div className={classes.zone} data-compact={props.compact || undefined} data-dragging={props.dragging || undefined}>
      <input
        ref={input}
        type="file"
        multiple
        accept="image/*,.avif,.heic,.heif"
        hidden
        aria-label={t("studio.drop.input")}
        data-testid="drop-input"
        onChange={pick}
      />
      {props.compact ? (
        <>
          <PhotosIcon size={20} className={classes.smallIcon} />
          <span className={classes.line}>{t("studio.drop.more")}</span>
          {button}
        </>
      ) : (
        <>
          <PhotosIcon size={44} strokeWidth={1.25} className={classes.icon} />
          <p className={classes.title}>{t("studio.drop.title")}</p>
          <p className={classes.hint}>{t("studio.drop.hint")}</p>
          {button}
          {props.maxBytes !== null && (
            <p className={classes.limits}>
              {t("studio.drop.limits", { formats, size: limit(props.maxBytes, language) })}
            </p>
          )}
        </>
      )}
    </div>
  );
}
