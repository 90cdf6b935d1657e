import { ActionIcon, Tooltip, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { NavLink } from "react-router";
import { useLanguage } from "../i18n";
import { useLive } from "../live/context";
import { useStudio } from "../studio/context";
import { Logo, MoonIcon, SunIcon } from "../ui/icons";
import { useStore } from "../ui/store";
import classes from "./Header.module.css";

/** One dot and one short text: is anything there to work, and does the page hear of it? */
function ConnectionPill() {
  const { t } = useTranslation();
  const connection = useLive((state) => state.connection);
  const live = useLive((state) => (state.summary === null ? null : (state.summary.nodes.live ?? 0)));
  if (connection === "offline") {
    return (
      <span className={classes.pill} data-tone="bad" data-testid="connection" data-state="offline">
        {t("connection.offlineShort")}
      </span>
    );
  }
  const tone = live === null ? "idle" : live === 0 ? "warn" : "good";
  const text =
    live === null
      ? t("connection.connecting")
      : live === 0
        ? t("connection.none")
        : t("connection.live", { count: live });
  return (
    <Tooltip label={t("connection.polling")} disabled={connection !== "polling"}>
      <span className={classes.pill} data-tone={tone} data-testid="connection" data-state={connection}>
        {text}
      </span>
    </Tooltip>
  );
}

function LanguageSwitch() {
  const { t } = useTranslation();
  const [language, change] = useLanguage();
  const other = language === "es" ? "en" : "es";
  return (
    <Tooltip label={t("app.otherLanguage")}>
      <ActionIcon
        variant="subtle"
        color="gray"
        size="lg"
        className={classes.control}
        data-testid="lang-switch"
        aria-label={`${other.toUpperCase()}: ${t("app.otherLanguage")}`}
        lang={other}
        onClick={() => change(other)}
      >
        {other.toUpperCase()}
      </ActionIcon>
    </Tooltip>
  );
}

function ThemeSwitch() {
  const { t } = useTranslation();
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme("light", { getInitialValueInEffect: false });
  const label = scheme === "dark" ? t("app.toLight") : t("app.toDark");
  return (
    <Tooltip label={label}>
      <ActionIcon
        variant="subtle"
        color="gray"
        size="lg"
        className={classes.control}
        data-testid="theme-switch"
        aria-label={label}
        onClick={() => setColorScheme(scheme === "dark" ? "light" : "dark")}
      >
        {scheme === "dark" ? <SunIcon /> : <MoonIcon />}
      </ActionIcon>
    </Tooltip>
  );
}

export function Header() {
  const { t } = useTranslation();
  const { batch } = useStore(useStudio());
  const studio = batch === null ? "/" : `/?batch=${encodeURIComponent(batch)}`;
  return (
    <header className={classes.header}>
      <div className={classes.inner}>
        <span className={classes.brand}>
          <Logo />
          <span className={classes.name}>Cúmulo</span>
        </span>
        <nav className={classes.nav} aria-label={t("app.navigation")}>
          <NavLink to={studio} end className={classes.link}>
            {t("app.studio")}
          </NavLink>
          <NavLink to="/dashboard" className={classes.link}>
            {t("app.cluster")}
          </NavLink>
        </nav>
        <div className={classes.controls}>
          <ConnectionPill />
          <LanguageSwitch />
          <ThemeSwitch />
        </div>
      </div>
    </header>
  );
}
