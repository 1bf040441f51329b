"""What operators ask and mend: the logic behind the commands, without their printing."""
