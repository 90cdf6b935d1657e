import { Button } from "@mantine/core";
import { Component, type ReactNode } from "react";
import { Translation } from "react-i18next";
import { Notice } from "../ui/Notice";

/** Keeps a fault of one view (or a view that could not be loaded) from blanking the page. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError() {
    return { broken: true };
  }

  override render() {
    if (!this.state.broken) return this.props.children;
    return (
      <Translation>
        {(t) => (
          <Notice tone="bad" title={t("app.broken")} text={t("app.brokenHint")}>
            <Button variant="default" size="xs" onClick={() => window.location.reload()}>
              {t("app.reload")}
            </Button>
          </Notice>
        )}
      </Translation>
    );
  }
}
