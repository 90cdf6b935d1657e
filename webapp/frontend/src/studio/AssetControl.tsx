import { ActionIcon, Button, FileButton } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useSession } from "../api/queries";
import { useLanguage } from "../i18n";
import { limit } from "../ui/format";
import { CloseIcon, PhotosIcon } from "../ui/icons";
import { useStore } from "../ui/store";
import { useStudio } from "./context";
import type { ControlProps } from "./controls";
import classes from "./FieldControl.module.css";
import type { AssetField } from "./schema";

/** Another picture that the step needs: chosen here, sent with the batch. */
export function AssetControl({ field, value, testId, onChange }: ControlProps<AssetField>) {
  const { t } = useTranslation();
  const [language] = useLanguage();
  const studio = useStudio();
  const { assets } = useStore(studio);
  const { data: session } = useSession();
  const [tooLarge, setTooLarge] = useState(false);
  const name = String(value);
  const chosen = assets[name];
  const most = session?.limits.max_asset_bytes ?? null;
  const action = t(name === "" ? "studio.field.choose" : "studio.field.change");
  const choose = (file: File | null) => {
    if (file === null) return;
    const refused = most !== null && file.size > most;
    setTooLarge(refused);
    if (!refused) onChange(studio.addAsset(file));
  };
  return (
    <div>
      <span className={classes.label} title={field.help?.[language]}>
        {field.label[language]}
      </span>
      <div className={classes.asset} data-testid={testId}>
        <span className={classes.swatch}>
          {chosen === undefined ? <PhotosIcon size={20} /> : <img src={chosen.url} alt="" />}
        </span>
        {name !== "" && (
          <span className={classes.assetName}>{chosen?.file.name ?? t("studio.field.earlierPicture")}</span>
        )}
        <FileButton accept="image/*" onChange={choose}>
          {(button) => (
            <Button
              {...button}
              variant={name === "" ? "light" : "subtle"}
              size="compact-sm"
              className={name === "" ? classes.choose : undefined}
              aria-label={t("studio.field.choosePicture", { action, name: field.label[language] })}
            >
              {action}
            </Button>
          )}
        </FileButton>
        {name !== "" && (
          <ActionIcon
            variant="subtle"
            color="gray"
            size="sm"
            aria-label={t("studio.field.noPicture", { name: field.label[language] })}
            onClick={() => onChange("")}
          >
            <CloseIcon size={14} />
          </ActionIcon>
        )}
      </div>
      {tooLarge && most !== null && (
        <p role="alert" className={classes.refused}>
          {t("problem.imageTooLargeHint", { limit: limit(most, language) })}
        </p>
      )}
    </div>
  );
}
