package simulation

import (
	"context"

	"lockstep/directory"
)

func (s *storage) Activities(ctx context.Context, envID string, q directory.ActivityQuery) ([]directory.Activity, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	return s.db.Activities(ctx, envID, q)
}
