import i18next from "i18next";
import { initReactI18next, useTranslation } from "react-i18next";
import type { Language } from "../api/types";
import { en } from "./en";
import { es } from "./es";

declare module "i18next" {
  interface CustomTypeOptions {
    defaultNS: "translation";
    resources: { translation: typeof en };
  }
}

const key = "cumulo.lang";

/** What the person chose here before, else Spanish for a browser that prefers it, else English. */
export function initialLanguage(stored: string | null, preferred: readonly string[]): Language {
  if (stored === "en" || stored === "es") return stored;
  const known = preferred.map((tag) => tag.toLowerCase().split("-")[0]).find((tag) => tag === "en" || tag === "es");
  return known === "es" ? "es" : "en";
}

function storedLanguage(): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function startTranslation(): void {
  i18next.on("languageChanged", (language) => {
    document.documentElement.lang = language;
  });
  void i18next.use(initReactI18next).init({
    lng: initialLanguage(storedLanguage(), navigator.languages),
    fallbackLng: "en",
    resources: { en: { translation: en }, es: { translation: es } },
    // React escapes what it renders; names of files and nodes go in as text.
    interpolation: { escapeValue: false },
    initAsync: false,
  });
}

export function useLanguage(): [Language, (language: Language) => void] {
  const { i18n } = useTranslation();
  const change = (language: Language) => {
    void i18n.changeLanguage(language);
    try {
      localStorage.setItem(key, language);
    } catch {
      // Without storage the choice lasts until the page is closed.
    }
  };
  return [i18n.resolvedLanguage === "es" ? "es" : "en", change];
}
