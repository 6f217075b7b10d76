import type { ReactNode } from 'react';

/** The way through a wizard: back on the left, on at the right. On a narrow screen both share a line, and what leaves the wizard has its own. */
export function WizardFooter({ back, leave, next }: { back?: ReactNode; leave: ReactNode; next?: ReactNode }) {
  return (
    <div className="wizard-footer">
      {back && <div className="wizard-back">{back}</div>}
      <div className="wizard-leave">{leave}</div>
      {next && <div className="wizard-next">{next}</div>}
    </div>
  );
}
