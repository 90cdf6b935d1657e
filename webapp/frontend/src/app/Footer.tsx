import { UnstyledButton } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { request } from "../api/client";
import { useSession } from "../api/queries";
import classes from "./App.module.css";

export function Footer() {
  const { t } = useTranslation();
  const { data: session } = useSession();
  const signOut = async () => {
    await request("/session", { method: "DELETE" });
    window.location.assign("/");
  };
  return (
    <footer className={classes.footer}>
      <span>Cúmulo{session ? ` ${session.version}` : ""}</span>
      {session && (
        <UnstyledButton className={classes.footerLink} onClick={() => void signOut()}>
          {t("app.signOut")}
        </UnstyledButton>
      )}
    </footer>
  );
}
